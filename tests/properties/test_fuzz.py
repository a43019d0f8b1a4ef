"""Random values in the place of what an agent reads, as many as a moment allows: ``make fuzz`` tries more."""

from __future__ import annotations

import os
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.mutations import Mutations
from tests.fuzz.run import Fuzz

SEED = int(os.environ.get("SEED") or 2026)
VALUES = 3000


class FuzzTests(SynchronousTestCase):
    """``tests.fuzz`` itself, and a run of it."""

    def test_same_seed(self) -> None:
        """The same seed gives the same values."""
        one, other = (Mutations(Random(7), [b"{}"]) for _ in range(2))
        real = b'{"Name": "web", "Instances": 2, "Ports": [{"Host": 80}]}'
        self.assertEqual([one.of(real) for _ in range(300)], [other.of(real) for _ in range(300)])

    def test_notices(self) -> None:
        """The run finds a container that was touched, and reports it with the seed."""
        fuzz = Fuzz(SEED)
        safe = fuzz.scene.running()[0][1]
        fuzz.scene.agent.docker.remove(safe)
        fuzz.run(1)
        self.assertIn(f"seed {SEED} value 1", fuzz.found[0])
        self.assertIn("healthy containers were touched", fuzz.found[0])

    def test_values(self) -> None:
        """No value brings an agent down, stops a healthy container, or gives a traceback."""
        fuzz = Fuzz(SEED)
        fuzz.run(VALUES)
        self.assertEqual(fuzz.found, [])
