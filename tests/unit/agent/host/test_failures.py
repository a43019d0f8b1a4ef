"""The memory of failures: what is counted under which generation, what rests, and what is forgotten when."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.failures import MOST_GENERATIONS
from daprdockr.model.names import InstanceName
from daprdockr.planning.attempts import ATTEMPTS_KEPT, LASTING, NONE
from daprdockr.planning.lanes import Lane
from daprdockr.planning.outcome import Done, Fault, Retry
from tests.build.situations import WEB_1, WEB_2, container
from tests.build.values import API, WEB, instance
from tests.fakes.failures import OpenFailures
from tests.fakes.run import LoopClock

FIRST = instance(1)
LANE = Lane("container", FIRST)
OLD, NEW = WEB_1.digest, WEB_2.digest
OLD_COPY, NEW_COPY = container("old", of=WEB_1), container("new", of=WEB_2)


class FailuresCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = LoopClock()
        self.failures = OpenFailures(clock=self.clock.seconds, chance=lambda: 0.0)

    def fault(self, reason: str, digest: str = "", of: InstanceName = FIRST, **kind: bool) -> bool:
        """A container cannot start; whether that is news."""
        lane = Lane("container", of)
        return self.failures.take(lane, Fault(reason, evolve(lane, generation=digest), reason, **kind))

    def counts(self, digest: str = "") -> dict[InstanceName, int]:
        return {name: attempts.count for name, attempts in self.failures.of_service(WEB, digest).items()}


class GenerationTests(FailuresCase):
    """Note [Generations]."""

    def test_two_copies(self) -> None:
        """Two copies of one instance, of two definitions, are counted apart, whichever of them fails between."""
        for state in (OLD_COPY, NEW_COPY, OLD_COPY, OLD_COPY):
            self.failures.died(state, "died", lived=1.0, killed=False)
        self.assertEqual((self.counts(OLD), self.counts(NEW)), ({FIRST: 3}, {FIRST: 1}))

    def test_deaths_and_starts(self) -> None:
        """
        A death and a start that failed are counted together, where they are of one generation; but only starts that
        failed since the last run say that it cannot be started.
        """
        self.failures.died(NEW_COPY, "died", lived=1.0, killed=False)
        self.fault("port taken", NEW)
        self.assertEqual((self.counts(NEW), self.counts(OLD)), ({FIRST: 2}, {}))
        self.assertEqual(self.failures.of_service(WEB, NEW)[FIRST].starts, 1)
        self.fault("port taken", NEW)
        self.assertEqual(self.failures.of_service(WEB, NEW)[FIRST].starts, 2)
        self.failures.died(NEW_COPY, "died", lived=1.0, killed=False)
        self.assertEqual(self.failures.of_service(WEB, NEW)[FIRST].starts, 0)

    def test_of_the_digest(self) -> None:
        """A counted failure names the definition that it belongs to, as the planner reads it."""
        self.fault("port taken", NEW)
        self.assertEqual(self.failures.of_service(WEB, NEW)[FIRST].of, NEW)

    def test_of_copies(self) -> None:
        """The counts are given for each copy, of this service alone, and stay as they were when they were asked for."""
        self.fault("port taken", NEW)
        self.fault("port taken", NEW, of=InstanceName(API, 1))
        before = self.failures.of_copies(WEB)
        self.fault("no such runtime", OLD)
        self.assertEqual([lane.generation for lane in before], [NEW])
        self.assertEqual([lane.generation for lane in self.failures.of_copies(WEB)], [NEW, OLD])

    def test_unknown_generation(self) -> None:
        """A failure of a generation that is not known counts for the latest; alone, for any definition."""
        self.fault("port taken")
        self.assertEqual((self.counts(OLD), self.counts(NEW)), ({FIRST: 1}, {FIRST: 1}))
        self.fault("port taken", NEW)
        self.fault("port taken")
        self.assertEqual((self.counts(OLD), self.counts(NEW)), ({FIRST: 1}, {FIRST: 2}))

    def test_latest(self) -> None:
        """Where no definition can be read the latest failure of each instance counts."""
        self.fault("new", NEW)
        self.fault("old", OLD)
        self.fault("second", NEW, instance(2))
        self.assertEqual(
            {name: attempts.reason for name, attempts in self.failures.attempts.items()},
            {FIRST: "old", instance(2): "second"},
        )

    def test_bounded(self) -> None:
        """However often a service is defined anew, few generations of each instance are remembered."""
        self.fault("second", NEW, instance(2))
        for number in range(10):
            self.fault("port taken", f"{number:064x}")
        known = [number for number in range(10) if self.counts(f"{number:064x}")]
        self.assertEqual(known, list(range(10 - MOST_GENERATIONS, 10)))
        self.assertEqual(self.counts(NEW), {instance(2): 1})

    def test_news(self) -> None:
        """One fault is news once, also when a new definition did not mend it; another one is."""
        said = [self.fault(*one) for one in (("a", OLD), ("a", OLD), ("a", NEW), ("b", NEW), ("a", NEW))]
        self.assertEqual(said, [True, False, False, True, True])

    def test_made_up(self) -> None:
        """A container's fault is no news when it differs in an id alone that the Engine made up."""
        self.assertEqual([self.fault("no endpoint 0123abcd"), self.fault("no endpoint 4567cdef")], [True, False])


class CountTests(FailuresCase):
    """Note [Two counts]."""

    def test_apart(self) -> None:
        """The rest of a lane and a fault of its container do not touch each other, and a step done ends the rest."""
        for _ in range(2):
            self.failures.take(LANE, Retry("the Engine is away"))
            self.fault("port taken")
        self.assertEqual(self.failures.rests_until(LANE), self.clock.seconds() + 0.5)
        self.failures.take(LANE, Done())
        self.assertEqual((self.failures.rests_until(LANE), self.counts()), (0.0, {FIRST: 2}))

    def test_at_once(self) -> None:
        """A rest may begin with the first failure."""
        self.failures.take(LANE, Retry("another was first", at_once=True))
        self.assertEqual(self.failures.rests_until(LANE), self.clock.seconds() + 0.5)

    def test_lasting(self) -> None:
        """One failure may count as several."""
        self.fault("no answer", lasting=True)
        self.assertEqual(self.counts(), {FIRST: LASTING})

    def test_host(self) -> None:
        """Faults that may be the host's, of two proven services, are its trouble until a container starts."""
        for number, service in enumerate((WEB, API)):
            self.failures.ran(evolve(container(of=WEB_1), instance=InstanceName(service, 1)), began=False)
            self.assertEqual(self.failures.trouble, "", number)
            self.fault("disk full", OLD, of=InstanceName(service, 1), of_host=True)
        self.assertEqual(self.failures.trouble, "disk full")
        self.failures.ran(container("web", of=WEB_1), began=True)
        self.assertEqual(self.failures.trouble, "")

    def test_image(self) -> None:
        """Pulls are counted by reference, until the image is there."""
        lane = Lane("image", "web:2")
        said = [self.failures.take(lane, Fault(reason, lane, reason)) for reason in ("unknown", "unknown", "no route")]
        self.assertEqual((said, self.failures.of_image("web:2").count), ([True, False, True], 3))
        self.assertEqual((list(self.failures.pulls), self.failures.of_anything), (["web:2"], True))
        self.failures.pulled("web:2")
        self.assertEqual((self.failures.of_image("web:2"), self.failures.of_anything), (NONE, False))


class ForgettingTests(FailuresCase):
    """Failures that are forgotten, and the events that end them."""

    def test_service(self) -> None:
        """With a service goes what failed of it, and what it lacks, and nothing else."""
        other = evolve(WEB, service="api")
        self.fault("port taken", NEW)
        self.fault("port taken", NEW, InstanceName(other, 1))
        for service in (WEB, other):
            self.failures.lacks(service, "no resolver")
        self.failures.forget(WEB)
        self.assertEqual(
            (list(self.failures.attempts), list(self.failures.lacking)), ([InstanceName(other, 1)], [other])
        )

    def test_old(self) -> None:
        """A fault that no other followed for long is forgotten, one that is going on is not."""
        self.fault("port taken", OLD)
        self.clock.advance(ATTEMPTS_KEPT)
        self.fault("port taken", NEW)
        self.failures.forget_old_faults()
        self.assertEqual((self.counts(OLD), self.counts(NEW)), ({}, {FIRST: 1}))
        self.clock.advance(ATTEMPTS_KEPT)
        self.failures.forget_old_faults()
        self.assertFalse(self.failures.of_anything)

    def test_old_rests(self) -> None:
        """A rest that was over long ago is forgotten: the next failure is a first one."""
        for _ in range(3):
            self.failures.take(LANE, Retry("no answer"))
        self.clock.advance(31)
        self.failures.forget_old_rests(31)
        self.failures.take(LANE, Retry("no answer"))
        self.assertGreater(self.failures.rests_until(LANE), self.clock.seconds() + 0.5)
        self.clock.advance(31)
        self.failures.forget_old_rests(15)
        self.failures.take(LANE, Retry("no answer"))
        self.assertEqual(self.failures.rests_until(LANE), self.clock.seconds())
