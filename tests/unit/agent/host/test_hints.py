"""Tests for daprdockr.agent.host.hints: how many looks follow how many hints."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.hints import MOST_WAITING, Hints
from tests.fakes.run import LoopClock


class HintsTests(SynchronousTestCase):
    """``Hints``; ``looks`` has each look that was begun, by container."""

    def setUp(self) -> None:
        self.clock = LoopClock()
        self.looks: list[tuple[str, Deferred[None]]] = []
        self.lists = 0
        self.hints = Hints(self.clock, self.look, self.list_all)

    def look(self, container: str) -> Deferred[None]:
        self.looks.append((container, Deferred()))
        return self.looks[-1][1]

    def list_all(self) -> None:
        self.lists += 1

    def hint(self, *containers: str) -> None:
        for container in containers:
            self.hints.hint(container)

    @property
    def looked_at(self) -> list[str]:
        return [container for container, _ in self.looks]

    def test_many(self) -> None:
        """While the reactor is busy hints wait as one call to it, and end in one inspection of each container."""
        self.hint(*["a", "b"] * 1000)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(0)
        self.assertEqual(self.looked_at, ["a", "b"])

    def test_during_a_look(self) -> None:
        """Any number of hints during an inspection cause one more after it; an inspection without any is the last."""
        self.hint("a")
        self.clock.advance(0)
        for _ in range(10):
            self.hint("a")
            self.clock.advance(0)
        self.assertEqual(self.looked_at, ["a"])
        self.looks[0][1].callback(None)
        self.assertEqual(self.looked_at, ["a", "a"])
        self.looks[1][1].callback(None)
        self.assertEqual(self.looked_at, ["a", "a"])
        self.hint("a")
        self.clock.advance(0)
        self.assertEqual(self.looked_at, ["a", "a", "a"])

    def test_too_many_during_a_look(self) -> None:
        """An inspection that is under way then may be older than the list: one more follows it."""
        self.hint("a")
        self.clock.advance(0)
        self.hint(*map(str, range(MOST_WAITING)), "a")
        self.clock.advance(0)
        self.assertEqual((self.looked_at, self.lists), (["a"], 1))
        self.looks[0][1].callback(None)
        self.assertEqual(self.looked_at, ["a", "a"])

    def test_too_many(self) -> None:
        """Of more containers than may wait all are found by a list."""
        self.hint(*map(str, range(2 * MOST_WAITING)))
        self.clock.advance(0)
        self.assertEqual((self.looked_at, self.lists), ([], 1))
        self.hint("a")
        self.clock.advance(0)
        self.assertEqual((self.looked_at, self.lists), (["a"], 1))
