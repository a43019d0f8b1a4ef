"""The wait until all nodes have reached a revision."""

from __future__ import annotations

from typing import Any, cast

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.membership.awaited import LONGEST, Awaited


@define
class Told:
    """In the place of ``ClusterProgress``: how far the nodes are, and what they were asked for."""

    reached: dict[str, int] = field(factory=dict)
    awaits: int = 0

    def wait_for(self, revision: int) -> None:
        self.awaits = revision


class AwaitedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.told = Clock(), Told({"a": 7, "b": 6, "c": 6})
        self.wait = Deferred.fromCoroutine(Awaited(cast(Any, self.told), self.clock)(7))

    def test_reached(self) -> None:
        """It ends when the last node has reached the revision, or has no lease any more."""
        self.clock.advance(1)
        self.assertEqual(self.told.awaits, 7)
        self.told.reached["b"] = 8
        self.clock.advance(1)
        self.assertNoResult(self.wait)
        del self.told.reached["c"]
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(self.wait), ())

    def test_too_slow(self) -> None:
        """Nodes that do not reach it are named after a while."""
        self.clock.pump([1.0] * int(LONGEST + 1))
        self.assertEqual(self.successResultOf(self.wait), ("b", "c"))
