"""The clock in memory."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.run import LoopClock


class LoopClockTests(SynchronousTestCase):
    def test_advance(self) -> None:
        """Calls that are due are made, also those that come meanwhile, and no others."""
        clock, done = LoopClock(), list[str]()
        clock.callLater(2.0, done.append, "b")
        clock.callLater(1.0, lambda: clock.callLater(0, done.append, "a"))
        clock.callLater(4.0, done.append, "c")
        clock.advance(3.0)
        self.assertEqual((done, clock.seconds()), (["b", "a"], 3.0))

    def test_endless(self) -> None:
        """Calls that follow each other without a pause fail the test, which would not end."""
        clock = LoopClock()

        def again() -> None:
            clock.callLater(0, again)

        again()
        self.assertIn("do not end", str(self.assertRaises(AssertionError, clock.advance, 1.0)))
