"""The stages of the tests, as they are declared."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tools.stages import CHECKOUT, steps


class StagesTests(SynchronousTestCase):
    def test_each_once(self) -> None:
        """Each module of functional tests is run by one step, once."""
        named = Counter(word for step in steps() for word in step.command if word.startswith("tests.functional."))
        found = [f"tests.functional.{path.stem}" for path in (CHECKOUT / "tests/functional").glob("test_*.py")]
        self.assertEqual(named, Counter(found))

    def test_lanes(self) -> None:
        """A step waits for a lane in which something was begun before it."""
        begun: set[str] = set()
        for step in steps():
            self.assertTrue(not step.after or step.after in begun, step.title)
            begun.add(step.lane)
