"""A service that polls at intervals, and polls that fail or last."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.runtime.periodic import Periodic
from daprdockr.runtime.workers import Stopped


class Looking(Periodic):
    """Raises or awaits ``outcome``, if there is one."""

    def __init__(self, clock: Clock, at_once: bool = False) -> None:
        super().__init__(reactor=clock, interval=2.0, failing="nothing was seen", at_once=at_once)
        self.looks = 0
        self.outcome: Exception | Deferred[None] | None = None

    async def poll(self) -> None:
        self.looks += 1
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if self.outcome is not None:
            await self.outcome


class PeriodicTests(SynchronousTestCase):
    """``Periodic``."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.looking = Looking(self.clock)
        self.looking.startService()

    def test_when(self) -> None:
        """It looks after each interval, at the start too only if asked to, and after its stop no more."""
        self.assertEqual(self.looking.looks, 0)
        self.clock.advance(2)
        self.clock.advance(2)
        self.assertEqual(self.looking.looks, 2)
        self.looking.stopService()
        self.clock.advance(10)
        self.assertEqual(self.looking.looks, 2)
        eager = Looking(self.clock, at_once=True)
        eager.startService()
        self.assertEqual(eager.looks, 1)
        eager.stopService()

    def test_fails(self) -> None:
        """A poll that fails is logged and followed by the next one; threads that are stopping are no failure."""
        self.looking.outcome = RuntimeError("unforeseen")
        self.clock.advance(2)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.looking.outcome = Stopped()
        self.clock.advance(2)
        self.looking.outcome = None
        self.clock.advance(2)
        self.assertEqual(self.looking.looks, 3)

    def test_lasts(self) -> None:
        """The next look waits for the end of one that lasts."""
        self.looking.outcome = lasting = Deferred[None]()
        self.clock.advance(2)
        self.clock.advance(2)
        self.assertEqual(self.looking.looks, 1)
        self.looking.outcome = None
        lasting.callback(None)
        self.clock.advance(2)
        self.assertEqual(self.looking.looks, 2)
