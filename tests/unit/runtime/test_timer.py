"""One call that is made later: the first time that was set counts, or an earlier one."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.runtime.timer import Timer


class TimerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.made: list[float] = []
        self.timer = Timer(self.clock, lambda: self.made.append(self.clock.seconds()))

    def test_set(self) -> None:
        """A call that is due stays due then, and is made once; after that the timer can be set again."""
        self.timer.set(3.0)
        self.timer.set(1.0)
        self.assertTrue(self.timer.is_set)
        self.clock.pump([2.0, 2.0])
        self.assertEqual((self.made, self.timer.is_set), ([4.0], False))
        self.timer.set(1.0)
        self.clock.advance(5)
        self.assertEqual(self.made, [4.0, 9.0])

    def test_hasten(self) -> None:
        """A call is made no later than the earliest time that was asked for."""
        self.timer.hasten(3.0)
        self.timer.hasten(1.0)
        self.timer.hasten(2.0)
        self.clock.pump([1.0] * 4)
        self.assertEqual(self.made, [1.0])

    def test_cancel(self) -> None:
        """A call that was cancelled is not made; that nothing is due is no error, before the first call or after it."""
        self.timer.cancel()
        self.timer.set(1.0)
        self.timer.cancel()
        self.assertFalse(self.timer.is_set)
        self.clock.advance(2)
        self.assertEqual(self.made, [])
        self.timer.set(1.0)
        self.clock.advance(2)
        self.timer.cancel()
        self.assertEqual(self.made, [4.0])

    def test_set_by_its_call(self) -> None:
        """The call may set the timer anew."""

        def call() -> None:
            self.made.append(self.clock.seconds())
            again.set(1.0)

        again = Timer(self.clock, call)
        again.set(1.0)
        self.clock.pump([1.0] * 3)
        self.assertEqual(self.made, [1.0, 2.0, 3.0])
