"""Waiting for containers to end."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.endings import Endings


class EndingsTests(SynchronousTestCase):
    """``Endings``."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.endings = Endings(self.clock)

    def test_over(self) -> None:
        """All who wait for a container hear of its end, and nobody who waits for another one."""
        waiting = [self.endings.wait("c1", 10), self.endings.wait("c1", 20)]
        other = self.endings.wait("c2", 10)
        self.endings.over("c1")
        for one in waiting:
            self.assertIsNone(self.successResultOf(one))
        self.assertNoResult(other)

    def test_time_is_up(self) -> None:
        """Each waits for its own time at the most."""
        short, long = self.endings.wait("c1", 10), self.endings.wait("c1", 20)
        self.clock.advance(10)
        self.assertIsNone(self.successResultOf(short))
        self.assertNoResult(long)
        self.clock.advance(10)
        self.assertIsNone(self.successResultOf(long))

    def test_nothing_is_kept(self) -> None:
        """A wait that is over stays so: neither a timer nor a later end reaches it."""
        done = self.endings.wait("c1", 10)
        self.endings.over("c1")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        late = self.endings.wait("c1", 10)
        self.clock.advance(10)
        self.endings.over("c1")
        self.assertEqual([self.successResultOf(one) for one in (done, late)], [None, None])
        self.assertEqual(self.endings._waiting, {})
