"""The turns of nodes that take no instances any more: of a cordoned one, and of one that is no candidate."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.planning.jobs.turns import TURN, turn
from tests.build.situations import HERE, candidates, claim, situation
from tests.build.values import definition

BEFORE: dict[str, Any] = {"Before": {"Cmd": ["migrate"]}}


class StayingTests(SynchronousTestCase):
    """Node ``a`` has an instance, and is no candidate for others; ``b`` is one."""

    def turn(self, cordoned: bool = True, **fields: Any) -> float | None:
        wanted = definition(**fields)
        owned = (claim(ClaimRecord("a")),)
        here = evolve(HERE, cordoned=cordoned)
        return turn(situation(wanted, owned, here=here, candidates=candidates("b")), wanted, 1)

    def test_cordoned(self) -> None:
        """A cordoned node with an instance may run the command before a rollout, after all others, and nothing else."""
        self.assertEqual(self.turn(**BEFORE), TURN)
        self.assertIsNone(self.turn())

    def test_not_able(self) -> None:
        """One that may run no instance of what is wanted now does not run its command either."""
        self.assertIsNone(self.turn(Placement={"Constraints": ["node == b"]}, **BEFORE))

    def test_no_candidate(self) -> None:
        """One that is no candidate for another reason, such as an Engine that is away, leaves it to others."""
        self.assertIsNone(self.turn(cordoned=False, **BEFORE))
