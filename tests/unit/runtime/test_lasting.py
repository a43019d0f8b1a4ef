"""Tests for daprdockr.runtime.lasting."""

from __future__ import annotations

from twisted.internet.defer import fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.runtime.lasting import lasting


class LastingTests(SynchronousTestCase):
    """A function that fails, at once or later."""

    def test_goes_on(self) -> None:
        """Each failure is logged, and the function is called again in its time."""
        clock, calls = Clock(), []

        def call() -> object:
            calls.append(clock.seconds())
            if len(calls) == 1:
                raise IndexError
            return fail(KeyError()) if len(calls) == 2 else None

        loop = lasting(clock, call, "it could not be called")
        loop.start(5.0)
        self.addCleanup(loop.stop)
        clock.pump([5.0, 5.0])
        self.assertEqual(calls, [0.0, 5.0, 10.0])
        self.assertEqual(len(self.flushLoggedErrors(IndexError, KeyError)), 2)
