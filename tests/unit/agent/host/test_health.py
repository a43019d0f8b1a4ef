"""Health checks: when a container is checked, and how the results become a verdict."""

from __future__ import annotations

from itertools import pairwise

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.health import CONFIRM_AFTER, FIRST_DELAY, HealthChecks
from daprdockr.agent.host.probe import Target, Unmade, Unreached
from daprdockr.model.names import ServiceName
from daprdockr.model.wanted.health import Health
from daprdockr.planning.diagnosis import UNKNOWN, Diagnosis
from tests.build.values import WEB
from tests.fakes.run import LoopClock

CHECK = Health("tcp", port=8080, interval=5, timeout=2, retries=3)
TARGET = Target("c1", CHECK, "172.17.0.2", 8080)
MIDDLE = 0.5
"""The chance that leaves every delay as it is."""


class Doctor:
    """A probe whose looks the test ends: ``looks`` are those in flight, ``times`` when each began."""

    def __init__(self, clock: LoopClock) -> None:
        self.looks: list[Deferred[str | None]] = []
        self.times: list[float] = []
        self.cancelled = 0
        self._clock = clock

    async def __call__(self, target: Target) -> str | None:
        look: Deferred[str | None] = Deferred()
        self.looks.append(look)
        self.times.append(self._clock.seconds())
        try:
            return await look
        except CancelledError:
            self.cancelled += 1
            raise


class HealthCase(SynchronousTestCase):
    """Checks that have begun; ``told`` are the services whose verdicts changed."""

    chance = MIDDLE

    def setUp(self) -> None:
        self.clock = LoopClock()
        self.doctor = Doctor(self.clock)
        self.told: list[ServiceName] = []
        self.checks = HealthChecks(
            reactor=self.clock, probe=self.doctor, chance=lambda: self.chance, on_changes=self.told.append
        )
        self.checks.startService()

    def follow(self, *targets: Target) -> None:
        self.checks.follow(WEB, {target.container: target for target in targets})
        self.clock.advance(0)

    def answer(self, reason: str | None = None) -> None:
        """The look in flight ends."""
        self.doctor.looks.pop(0).callback(reason)

    def look(self, reason: str | None = None) -> None:
        """Until the next look, which ends so."""
        if not self.doctor.looks:
            self.clock.advance(CHECK.interval)
        self.answer(reason)

    def wait(self) -> None:
        """Let time pass until the next look begins, or the one in flight is given up."""
        (next_call,) = self.clock.getDelayedCalls()
        self.clock.advance(next_call.getTime() - self.clock.seconds() + 1e-9)

    @property
    def pauses(self) -> list[float]:
        """Seconds from one check to the next."""
        return [round(b - a, 3) for a, b in pairwise(self.doctor.times)]

    @property
    def known(self) -> Diagnosis:
        return self.checks.of("c1")

    @property
    def verdict(self) -> bool | None:
        return self.known.verdict


class VerdictTests(HealthCase):
    """Note [Verdicts]."""

    def setUp(self) -> None:
        super().setUp()
        self.follow(TARGET)

    def test_at_once(self) -> None:
        """A new container is checked at once, and has no verdict before the answer."""
        self.assertEqual((len(self.doctor.looks), self.verdict), (1, None))

    def test_first_success(self) -> None:
        """The first success is the verdict, and is reported."""
        self.answer()
        self.assertEqual((self.verdict, self.told), (True, [WEB]))

    def test_further_successes(self) -> None:
        """A verdict that does not change is not reported."""
        for _ in range(3):
            self.look()
        self.assertEqual(self.told, [WEB])

    def test_unreached(self) -> None:
        """That only nginx cannot reach a container is remembered for as long as that is the complaint."""
        for reason, remembered in (("down", ""), (Unreached("no way"), "no way"), ("down", "")):
            self.look(reason)
            self.assertEqual(self.known.unreached, remembered)
        self.look(Unreached("no way"))
        self.follow()
        self.assertEqual(self.known.unreached, "")

    def test_one_complaint(self) -> None:
        """The finding by which the verdict became False stands until the next success, and nothing else is reported."""
        self.look()
        for reason in ("lost", "at 1", "at 2"):
            self.look(reason)
        self.assertEqual((self.known.complaint, self.told), ("at 1", [WEB, WEB]))
        for number in (3, 4):
            self.look(f"at {number}")
        self.assertEqual((self.known.complaint, self.told), ("at 1", [WEB, WEB, WEB]))  # one is due
        self.look()
        self.assertEqual(self.known.complaint, "")

    def test_slow(self) -> None:
        """One that is starting for seconds has a complaint, which is reported once, before any verdict."""
        for number in range(6):
            self.answer(f"at {number}")
            self.wait()
        self.assertEqual((self.known.complaint, self.told), ("", []))
        while not self.told:
            self.answer(f"at {len(self.doctor.times)}")
            self.wait()
        self.assertGreaterEqual(self.clock.seconds(), 5)
        self.assertIsNone(self.verdict)
        before = self.known.complaint
        self.assertTrue(before)
        self.answer("now")
        self.assertEqual((self.known.complaint, self.told), (before, [WEB]))
        self.follow()
        self.assertEqual(self.known.complaint, "")

    def test_confirmed(self) -> None:
        """The first failure of a healthy one is followed by another probe at once, and that one decides."""
        self.look()
        self.look("refused")
        self.assertEqual((self.verdict, self.known.failed), (True, 0))
        self.clock.advance(CONFIRM_AFTER)
        self.answer("refused")
        self.assertEqual((self.verdict, self.told, self.known.failed), (False, [WEB, WEB], 1))

    def test_not_confirmed(self) -> None:
        """One lost packet costs nothing, however often that happens."""
        self.look()
        for _ in range(5):
            self.look("no answer")
            self.clock.advance(CONFIRM_AFTER)
            self.answer()
        self.assertEqual((self.verdict, self.told, self.known.failed), (True, [WEB], 0))
        self.assertEqual(self.pauses[-2:], [CHECK.interval, CONFIRM_AFTER])

    def test_within_two_intervals(self) -> None:
        """One that hangs right after a check is out before two intervals are over, whatever the chance."""
        self.chance = 1.0
        self.look()
        hung = self.clock.seconds()
        while self.verdict:
            self.wait()
            if self.doctor.looks:
                self.clock.advance(CHECK.timeout)
                self.answer("timed out")
        self.assertLess(self.clock.seconds() - hung, 2 * CHECK.interval)

    def test_counted(self) -> None:
        """Failures in a row are counted, with their confirmation as one, and people hear of the last that counts."""
        self.look()
        self.look("refused")
        for expected in (1, 2, 3, 4):
            self.look("refused")
            self.assertEqual(self.known.failed, expected)
        self.assertEqual(len(self.told), 1 + 1 + 1)
        self.look()
        self.assertEqual((self.known.failed, self.verdict), (0, True))

    def test_reported_before(self) -> None:
        """For a run that was reported as healthy a new agent needs two failures of its own, not more, and no ramp."""
        self.follow(evolve(TARGET, started=9.0, proven=True))
        self.doctor.looks.pop(0)
        self.answer("refused")
        self.assertIsNone(self.verdict)
        self.clock.advance(CONFIRM_AFTER)
        self.answer("refused")
        self.assertEqual((self.verdict, self.known.failed), (False, 1))

    def test_another_run(self) -> None:
        """A container that was started again begins anew, though it listens at the same place."""
        self.look()
        self.follow(evolve(TARGET, started=9.0))
        self.assertEqual((self.verdict, len(self.doctor.looks)), (None, 1))

    def test_unmade(self) -> None:
        """A probe that this host could not make is no result, neither of a healthy one nor of another."""
        self.look()
        for _ in range(9):
            self.look(Unmade("the Docker Engine is away"))
        self.assertEqual((self.verdict, self.known.failed), (True, 0))

    def test_stood_still(self) -> None:
        """When the agent was frozen, the timeouts that passed meanwhile are no failures."""
        self.look()
        for _ in range(9):
            self.clock.advance(CHECK.interval)
            self.doctor.looks.clear()
            self.clock.advance(60)
        self.assertEqual((self.verdict, self.known.failed), (True, 0))

    def test_unreached_is_not_counted(self) -> None:
        """One that only nginx cannot reach is unhealthy, and never counted as one to be replaced."""
        self.look()
        for _ in range(9):
            self.look(Unreached("no way"))
        self.assertEqual((self.verdict, self.known.failed), (False, 0))

    def test_start_period(self) -> None:
        """The failures of a start period do not count; those after it do, and so do those after a success."""
        self.follow(Target("c1", evolve(CHECK, start_period=60), "172.17.0.2", 8080))
        self.doctor.looks.pop(0)
        while self.clock.seconds() < 60:
            self.answer("refused")
            self.assertEqual((self.verdict, self.known.failed), (None, 0))
            self.wait()
        for expected in (1, 2, 3):
            self.answer("refused")
            self.assertEqual(self.known.failed, expected)
            self.wait()
        self.assertFalse(self.verdict)

    def test_start_period_ends_with_success(self) -> None:
        """A container that was healthy once has started, however long its start period is."""
        self.follow(Target("c1", evolve(CHECK, start_period=60), "172.17.0.2", 8080))
        self.doctor.looks.pop(0)
        self.look()
        self.look("refused")
        self.look("refused")
        self.assertFalse(self.verdict)

    def test_failures_apart(self) -> None:
        """Failures with a success between them do not add up."""
        self.look()
        for reason in ("refused", "refused", None, "refused", "refused"):
            self.look(reason)
        self.assertEqual((self.verdict, self.known.failed), (False, 1))

    def test_well_again(self) -> None:
        """One success makes it well again."""
        self.look()
        for reason in ("refused", "refused", "refused", None):
            self.look(reason)
        self.assertTrue(self.verdict)
        self.assertEqual(len(self.told), 3)

    def test_exception(self) -> None:
        """A check that raises is a failure like any other."""
        self.look()
        for _ in range(3):
            self.clock.advance(CHECK.interval)
            self.doctor.looks.pop().errback(OSError("no route to host"))
        self.assertIs(self.verdict, False)

    def test_no_answer(self) -> None:
        """A check without an answer is given up a second after its time limit, and counts as a failure."""
        self.look()
        for _ in range(3):
            self.clock.advance(CHECK.interval)
            self.doctor.looks.clear()
            self.clock.advance(CHECK.timeout + 1)
        self.assertEqual((self.verdict, self.doctor.cancelled), (False, 3))
        self.assertEqual(self.known.complaint, "there is no whole answer in time")

    def test_never_well(self) -> None:
        """A container that never was healthy gets its verdict after as many checks at the full interval, not before."""
        while self.verdict is None:
            self.answer("refused")
            self.wait()
        self.assertFalse(self.verdict)
        self.assertEqual(self.pauses[-4:].count(CHECK.interval), 3 + 1)
        self.assertEqual(self.pauses.count(CHECK.interval), 3 + 1)


class TimeTests(HealthCase):
    """When looks come."""

    def begin(self) -> None:
        self.follow(TARGET)

    def test_ramp(self) -> None:
        """Until the first success looks come often, each delay half as long again, up to the interval."""
        self.begin()
        while self.verdict is None:
            self.answer("refused")
            self.wait()
        self.assertEqual(self.pauses[:3], [round(FIRST_DELAY * 1.5**n, 3) for n in (1, 2, 3)])
        self.assertEqual(self.pauses, sorted(self.pauses))
        self.assertEqual(self.pauses[-1], CHECK.interval)

    def test_interval(self) -> None:
        """After the verdict looks come at the interval, from the answer on."""
        self.begin()
        self.clock.advance(1)
        self.answer()
        self.clock.advance(CHECK.interval - 0.01)
        self.assertEqual(len(self.doctor.looks), 0)
        self.clock.advance(0.02)
        self.assertEqual(len(self.doctor.looks), 1)

    def test_spread(self) -> None:
        """Chance moves a check by a tenth of the interval at the most."""
        self.chance = 1.0
        self.begin()
        self.answer()
        self.clock.advance(CHECK.interval * 1.1 - 0.01)
        self.assertEqual(len(self.doctor.looks), 0)
        self.clock.advance(0.02)
        self.assertEqual(len(self.doctor.looks), 1)

    def test_one_at_a_time(self) -> None:
        """The next look waits for the one in flight."""
        self.begin()
        self.clock.advance(CHECK.timeout)
        self.assertEqual(len(self.doctor.times), 1)


class FollowTests(HealthCase):
    """The containers that are checked."""

    def test_unchanged(self) -> None:
        """Following the same containers again begins nothing anew."""
        self.follow(TARGET)
        self.answer()
        self.follow(TARGET)
        self.assertEqual((self.verdict, len(self.doctor.looks)), (True, 0))

    def test_dismissed(self) -> None:
        """A container that is not followed any more has no verdict, no look and no timer."""
        self.follow(TARGET)
        self.answer()
        self.follow()
        self.assertEqual((self.known, self.clock.getDelayedCalls()), (UNKNOWN, []))

    def test_dismissed_during_a_look(self) -> None:
        """A check that is in flight when its container is dismissed is given up, and changes nothing."""
        self.follow(TARGET)
        self.follow()
        self.assertEqual(self.doctor.cancelled, 1)
        self.assertEqual((self.known, self.told, self.clock.getDelayedCalls()), (UNKNOWN, [], []))

    def test_other_place(self) -> None:
        """A container that listens elsewhere since its restart is checked there, without its old verdict."""
        self.follow(TARGET)
        self.answer()
        self.follow(Target("c1", CHECK, "172.17.0.9", 8080))
        self.assertEqual((self.verdict, len(self.doctor.looks)), (None, 1))

    def test_sibling(self) -> None:
        """One container of a service comes or goes without a change for the others."""
        self.follow(TARGET)
        self.answer()
        self.follow(TARGET, Target("c2", CHECK, "172.17.0.3", 8080))
        self.assertEqual((self.verdict, len(self.doctor.looks)), (True, 1))
        self.follow(TARGET)
        self.assertEqual((self.verdict, self.doctor.cancelled), (True, 1))

    def test_stop(self) -> None:
        """A stop gives up every look and ends every timer; nothing is followed afterwards."""
        self.follow(TARGET, Target("c2", CHECK, "172.17.0.3", 8080))
        self.answer()
        self.checks.stopService()
        self.assertEqual((self.doctor.cancelled, self.clock.getDelayedCalls()), (1, []))
        self.follow(TARGET)
        self.assertEqual(self.clock.getDelayedCalls(), [])
