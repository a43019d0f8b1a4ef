"""When a value is applied: at once, spaced, again after a failure, and the last one always."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.backoff import Backoff
from daprdockr.model.errors import DiskError, ProxyError
from daprdockr.proxy.applier import DISK_RETRY, Applier


class ApplierTests(SynchronousTestCase):
    """An applier of words with a spacing of one second, whose attempts last until the test ends them."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.begun: list[str] = []
        self.attempt: Deferred[None] = Deferred()
        self.applier: Applier[str] = Applier(
            apply=self.apply,
            clock=self.clock,
            what="the routes",
            spacing=1.0,
            backoff=Backoff(first=4.0, limit=60.0),
            chance=lambda: 0.0,
        )
        self.applier.start()

    async def apply(self, value: str) -> None:
        self.begun.append(value)
        self.attempt = Deferred()
        await self.attempt

    def want(self, value: str) -> None:
        self.applier.want(value)
        self.clock.advance(0)

    def succeed(self) -> None:
        self.attempt.callback(None)
        self.clock.advance(0)

    def break_off(self, error: Exception) -> None:
        self.attempt.errback(error)
        self.clock.advance(0)

    def test_first_at_once(self) -> None:
        """The first value after a quiet time is applied without delay."""
        self.want("a")
        self.assertEqual(self.begun, ["a"])
        self.succeed()
        self.clock.advance(10)
        self.want("b")
        self.assertEqual(self.begun, ["a", "b"])

    def test_spacing(self) -> None:
        """Values that come within the spacing replace each other; the last is applied when it is over."""
        self.want("a")
        self.succeed()
        for value in "bcd":
            self.clock.advance(0.25)
            self.want(value)
        self.assertEqual(self.begun, ["a"])
        self.clock.advance(0.25)
        self.assertEqual(self.begun, ["a", "d"])

    def test_one_in_flight(self) -> None:
        """Values that come while one is applied wait for its end, and only the last is applied then."""
        self.want("a")
        self.clock.advance(5)
        self.want("b")
        self.want("c")
        self.assertEqual(self.begun, ["a"])
        self.succeed()
        self.assertEqual(self.begun, ["a", "c"])

    def test_nothing_new(self) -> None:
        """A value that is in effect is not applied again, nor one that came back to it within the spacing."""
        self.want("a")
        self.succeed()
        self.want("a")
        self.want("b")
        self.want("a")
        self.clock.advance(60)
        self.assertEqual(self.begun, ["a"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_failure(self) -> None:
        """A value that failed is tried again, after a delay that grows, until it succeeds."""
        self.want("a")
        for delay in [4, 8, 16]:
            begun = len(self.begun)
            self.break_off(ProxyError("no"))
            self.clock.advance(delay - 0.1)
            self.assertEqual(len(self.begun), begun)
            self.clock.advance(0.2)
            self.assertEqual(len(self.begun), begun + 1)
        self.assertEqual((self.applier.reason, self.applier.failed, self.applier.applied), ("no", 3, 0))
        self.succeed()
        self.clock.advance(3600)
        self.assertEqual(self.begun, ["a"] * 4)
        self.assertEqual((self.applier.reason, self.applier.failed, self.applier.applied), ("", 3, 1))

    def test_full_disk(self) -> None:
        """A change that a full disk keeps from taking effect is tried every few seconds, and logged in one line."""
        self.want("a")
        with capturedLogs() as logged:
            for attempt in range(10):
                self.assertEqual(len(self.begun), attempt + 1)
                self.break_off(DiskError("no room"))
                self.clock.advance(DISK_RETRY)
        expected = "could not bring the routes into effect, what was in effect before stays: no room"
        self.assertEqual([(event["log_level"].name, formatEvent(event)) for event in logged], [("warn", expected)])
        self.succeed()
        self.assertEqual((self.applier.applied, self.applier.reason), (1, ""))

    def test_new_value_after_a_failure(self) -> None:
        """Another value does not wait out the delay of the one that failed."""
        self.want("bad")
        self.break_off(ProxyError("no"))
        self.want("good")
        self.clock.advance(1)
        self.assertEqual(self.begun, ["bad", "good"])

    def test_back_after_a_failure(self) -> None:
        """After a failure even the value before it is applied again: what is in effect is uncertain."""
        self.want("a")
        self.succeed()
        self.clock.advance(10)
        self.want("bad")
        self.break_off(ProxyError("no"))
        self.want("a")
        self.clock.advance(1)
        self.assertEqual(self.begun, ["a", "bad", "a"])

    def test_again_while_one_is_in_flight(self) -> None:
        """An attempt that was in flight when the value was to be applied once more counts for nothing."""
        self.want("a")
        self.applier.again()
        self.succeed()
        self.assertEqual((self.begun, self.applier.settled), (["a"], False))
        self.clock.advance(4)
        self.succeed()
        self.assertEqual((self.begun, self.applier.settled), (["a", "a"], True))

    def test_unexpected_failure(self) -> None:
        """An error that nobody foresaw is logged and counts as a failure; the applier goes on."""
        self.want("a")
        self.break_off(RuntimeError("what"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.clock.advance(4)
        self.assertEqual(self.begun, ["a", "a"])

    def test_before_start(self) -> None:
        """A value that is wanted before the start is applied at the start."""
        applier: Applier[str] = Applier(apply=self.apply, clock=self.clock, what="the routes")
        applier.want("early")
        self.clock.advance(60)
        self.assertEqual(self.begun, [])
        applier.start()
        self.clock.advance(0)
        self.assertEqual(self.begun, ["early"])

    def test_stop(self) -> None:
        """A stop cancels the attempt in flight, which counts as no failure, and begins none after it."""
        self.want("a")
        self.want("b")
        self.applier.stop()
        self.applier.want("c")
        self.clock.advance(3600)
        self.assertEqual(self.begun, ["a"])
        self.assertEqual(self.applier.failed, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
