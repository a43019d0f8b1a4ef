"""The reconcile loop: when a service is planned, which steps begin, and what happens after each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.probe import Target
from daprdockr.agent.reconcile.reconcile import AT_ONCE, SETTLE, SWEEP, WHOLE_SWEEP, Informed, Reconcile
from daprdockr.agent.reconcile.transactions import ETCD_DELAYS, ConditionFailed, failed
from daprdockr.agent.reconcile.whose_fault import whose_fault
from daprdockr.model.errors import EngineError, EngineRefused, EngineUnavailable, EtcdError, EtcdUnavailable, PullFailed
from daprdockr.model.host import Status
from daprdockr.model.known.changes import Changes
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.planning.attempts import Attempts
from daprdockr.planning.claim_steps import OnClaim, TakeClaim, WriteClaim
from daprdockr.planning.container_steps import CreateContainer, PullImage, RemoveContainer, StartContainer
from daprdockr.planning.lanes import IMAGE, Lane
from daprdockr.planning.outcome import LONGEST_REASON, Done, Fault, StepOutcome
from daprdockr.planning.rollout_steps import OnRollout, OnSlot
from daprdockr.planning.run_steps import OnRun
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import Step
from daprdockr.planning.volume_steps import OnVolumes
from daprdockr.runtime.workers import Stopped
from tests.build.situations import WEB_1, WEB_2, changed, claim, container, running_record, situation, starting_record
from tests.build.values import API, WEB, definition, instance
from tests.fakes.failures import OpenFailures
from tests.fakes.run import LoopClock

RUNNING = container()
EXITED = container(status=Status.EXITED)
OLD = container("old", of=WEB_2, status=Status.EXITED)
CHECKED = definition(Health={"Type": "tcp", "Port": 8080})
LOOKED_AT = container(of=CHECKED)

CALM = situation(WEB_1, (claim(running_record(RUNNING)),), (RUNNING,))
DEAD = situation(WEB_1, (claim(starting_record()),), (EXITED,))
FREE = situation(WEB_1)
UNPULLED = situation(WEB_1, (claim(starting_record()),), images={})


def backing_off(until: float) -> Situation:
    """A container that is to be started again at ``until``; there is nothing to write until then."""
    return changed(DEAD, attempts={instance(1): Attempts(3, until, "died")}, here=evolve(DEAD.here, lease=0))


class Known:
    """
    In the place of ``Gather``, ``Since``, ``HealthChecks`` and ``Withdrawals``: the test says what is known; ``asked``
    has the services that were planned, ``calls`` what was asked of this object, by name, and ``followed`` the
    containers to be checked.
    """

    def __init__(self) -> None:
        self.situations: dict[ServiceName, Situation | Exception] = {}
        self.asked: list[ServiceName] = []
        self.calls: list[str] = []
        self.followed: list[str] = []
        self.waiting: dict[ServiceName, list[ServiceName]] = {}
        self.settled: frozenset[ServiceName] = frozenset()

    def services(self) -> frozenset[ServiceName]:
        return frozenset(self.situations)

    def unsettled(self) -> frozenset[ServiceName]:
        return self.services() - self.settled

    def users_of(self, image: str) -> list[ServiceName]:
        return [name for name in self.situations if name == WEB]

    def dependents(self, names: Iterable[ServiceName]) -> set[ServiceName]:
        return {one for name in names for one in self.waiting.get(name, ())}

    def observe(self, service: ServiceName, now: float) -> None:
        self.calls.append("observe")

    def wait(self, service: ServiceName, revision: int) -> None:
        self.calls.append("wait")

    def follow(self, service: ServiceName, targets: Mapping[str, Target]) -> None:
        self.calls.append("follow")
        self.followed = list(targets)

    def situation(self, name: ServiceName) -> Situation:
        self.calls.append("situation")
        self.asked.append(name)
        found = self.situations[name]
        if isinstance(found, Exception):
            raise found
        return evolve(found, name=name)


class Hand:
    """Carries out nothing: ``begun`` has the steps in order, which the test ends."""

    def __init__(self) -> None:
        self.begun: list[Step] = []
        self._ends: list[tuple[Step, Deferred[StepOutcome]]] = []

    def __call__(self, step: Step) -> Deferred[StepOutcome]:
        self.begun.append(step)
        ended: Deferred[StepOutcome] = Deferred()
        self._ends.append((step, ended))
        return ended

    def end(self, error: Exception | None = None) -> None:
        """End the oldest step in flight, as the module that carries it out does when it meets this error."""
        step, ended = self._ends.pop(0)
        match error:
            case None:
                ended.callback(Done())
            case ConditionFailed() | EtcdError():
                ended.callback(failed(error))
            case EngineError() if not isinstance(step, OnClaim | OnRollout | OnRun | OnSlot | OnVolumes):
                ended.callback(whose_fault(step, error, "", away=False))
            case _:
                ended.errback(error)

    @property
    def kinds(self) -> list[type]:
        return [type(step) for step in self.begun]


class ReconcileCase(SynchronousTestCase):
    """A loop between what the test says is known and a hand that waits; ``told`` has the events."""

    def setUp(self) -> None:
        self.clock = LoopClock()
        self.known = Known()
        self.hand = Hand()
        self.told: list[tuple[str, str]] = []
        self.failures = OpenFailures(clock=self.clock.seconds, chance=lambda: 0.0)
        self.loop = self.make()

    def make(self) -> Reconcile:
        return Reconcile(
            reactor=self.clock,
            gather=self.known,
            since=self.known,
            informed=Informed(self.known, self.known),
            failures=self.failures,
            carry_out=self.hand,
            record_event=lambda subject, text: self.told.append((subject, text)),
        )

    def start(self, **situations: Situation | Exception) -> None:
        """Start, with what is known of ``web`` and ``api``, and plan once."""
        self.know(**situations)
        self.loop.startService()
        self.clock.advance(0)

    def know(self, **situations: Situation | Exception) -> None:
        self.known.situations |= {ServiceName(group="myapp", service=name): one for name, one in situations.items()}


class PlanningTests(ReconcileCase):
    """When a service is planned."""

    def test_start(self) -> None:
        """At the start all there is is planned once."""
        self.start(web=CALM, api=CALM)
        self.assertEqual(self.known.asked, [API, WEB])

    def test_one_turn(self) -> None:
        """Changes that come in one turn of the reactor are planned together, each service once."""
        self.start(web=CALM, api=CALM)
        self.known.asked.clear()
        self.loop.mark_dirty([WEB])
        self.loop.on_changes(Changes(frozenset({WEB, API})))
        self.loop.mark_dirty([WEB])
        self.assertEqual(self.known.asked, [])
        self.clock.advance(0)
        self.assertEqual(self.known.asked, [API, WEB])

    def test_many(self) -> None:
        """Of many services only some are planned in one turn, the rest after what else waits, each once."""
        names = [f"s{number:03d}" for number in range(2 * AT_ONCE + 1)]
        self.start(**dict.fromkeys(names, CALM))
        self.known.asked.clear()
        self.loop.mark_all_dirty()
        planned: list[int] = []

        def another() -> None:
            """Another call that waits for its turn in this thread."""
            planned.append(len(self.known.asked))
            if len(planned) < 4:
                self.clock.callLater(0, another)

        self.clock.callLater(0, another)
        self.clock.advance(0)
        self.assertEqual(planned, [AT_ONCE, 2 * AT_ONCE, len(names), len(names)])
        self.assertEqual([name.service for name in self.known.asked], names)

    def test_only_what_changed(self) -> None:
        """A change has its own services planned and no others."""
        self.start(web=CALM, api=CALM)
        self.known.asked.clear()
        self.loop.on_changes(Changes(frozenset({WEB})))
        self.clock.advance(0)
        self.assertEqual(self.known.asked, [WEB])

    def test_dependents(self) -> None:
        """A change of a service has those planned that wait for it before their first start."""
        self.start(web=CALM, api=CALM)
        self.known.waiting = {WEB: [API]}
        self.known.asked.clear()
        self.loop.on_changes(Changes(frozenset({WEB})))
        self.clock.advance(0)
        self.assertEqual(self.known.asked, [API, WEB])

    def test_nodes(self) -> None:
        """When a node came or went, all services are planned: any of them may have become ours to run."""
        self.start(web=CALM, api=CALM)
        self.known.asked.clear()
        self.loop.on_changes(Changes(nodes=True))
        self.clock.advance(0)
        self.assertEqual(self.known.asked, [API, WEB])

    def test_sweep(self) -> None:
        """Now and then services are planned though no change was reported: those that are settled elsewhere seldom."""
        self.start(web=CALM, api=CALM)
        self.known.settled = frozenset({API})
        self.clock.pump([SWEEP] * WHOLE_SWEEP)
        self.assertEqual(self.known.asked, [API, WEB, *[WEB] * (WHOLE_SWEEP - 1), API, WEB])

    def test_before_the_start(self) -> None:
        """A change before the loop runs is planned when it does."""
        self.know(web=CALM)
        self.loop.mark_dirty([API])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.start(api=CALM)
        self.assertEqual(self.known.asked, [API, WEB])

    def test_order(self) -> None:
        """A service is observed, read, and when it was planned, its containers are checked."""
        self.start(web=situation(CHECKED, (claim(running_record(LOOKED_AT)),), (LOOKED_AT,)))
        self.assertEqual(self.known.calls, ["observe", "situation", "wait", "follow"])
        self.assertEqual(self.known.followed, ["c1"])

    def test_fault(self) -> None:
        """A service whose planning raises is logged, and the others are planned."""
        self.start(api=RuntimeError("unforeseen"), web=DEAD)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.hand.kinds, [StartContainer])


class StepTests(ReconcileCase):
    """Lanes, and what happens when a step ends."""

    def test_side_by_side(self) -> None:
        """The steps of different lanes begin at once."""
        self.start(web=situation(definition(instances=3)))
        self.assertEqual(self.hand.kinds, [TakeClaim] * 3)

    def test_busy(self) -> None:
        """A lane does one step at a time, however often its service is planned."""
        self.start(web=DEAD)
        self.loop.mark_dirty([WEB])
        self.clock.advance(SWEEP)
        self.assertEqual(self.hand.kinds, [StartContainer])

    def test_other_lane(self) -> None:
        """While a lane is busy another one of the same instance goes on."""
        self.start(web=DEAD)
        self.know(web=situation(WEB_1, (claim(running_record(RUNNING)),), (EXITED,)))
        self.loop.mark_dirty([WEB])
        self.clock.advance(0)
        self.assertEqual(self.hand.kinds, [StartContainer, WriteClaim])

    def test_other_copy(self) -> None:
        """While the old copy of an instance is removed the new one, which has died, is started again."""
        self.start(web=situation(WEB_1, (claim(running_record(RUNNING)),), (OLD, RUNNING)))
        self.know(web=situation(WEB_1, (claim(running_record(RUNNING)),), (OLD, EXITED)))
        self.loop.mark_dirty([WEB])
        self.clock.advance(0)
        self.assertEqual(self.hand.kinds, [RemoveContainer, WriteClaim, StartContainer])

    def test_one_start(self) -> None:
        """While one copy of an instance is being started no other one is: two could run where only one may."""
        self.start(web=situation(WEB_2, (claim(starting_record()),), (OLD, EXITED)))
        self.know(web=DEAD)
        self.loop.mark_dirty([WEB])
        self.clock.advance(0)
        self.assertEqual([str(step) for step in self.hand.begun], ["start container old of 1.web.myapp"])
        self.hand.end()
        self.clock.advance(0)
        self.assertEqual(self.hand.kinds, [StartContainer, StartContainer])

    def test_failures_of_a_copy(self) -> None:
        """The rest of one copy's lane does not keep another waiting."""
        self.start(web=situation(WEB_1, (claim(running_record(RUNNING)),), (OLD, RUNNING)))
        for _ in range(2):
            self.hand.end(EngineRefused("it is busy"))
            self.clock.advance(0)
        self.know(web=DEAD)
        self.loop.mark_dirty([WEB])
        self.clock.advance(0)
        self.assertEqual(self.hand.kinds, [RemoveContainer, RemoveContainer, StartContainer])

    def test_after_a_step(self) -> None:
        """When a step ended its service is planned again, in the next turn."""
        self.start(web=DEAD)
        self.know(web=situation(WEB_1, (claim(starting_record()),), (RUNNING,)))
        self.hand.end()
        self.assertEqual(self.hand.kinds, [StartContainer])
        self.clock.advance(0)
        self.assertEqual(self.hand.kinds, [StartContainer, WriteClaim])

    def test_no_wake_lost(self) -> None:
        """A change that came while a step was in flight, is in the plan made at its end."""
        self.start(web=FREE)
        self.know(web=DEAD)
        self.loop.mark_dirty([WEB])
        self.clock.advance(0)
        self.assertEqual(self.hand.kinds, [TakeClaim, StartContainer])
        self.know(web=situation(WEB_1, (claim(starting_record(), fence=41),), (RUNNING,)))
        self.loop.mark_dirty([WEB])
        self.clock.advance(0)
        self.assertEqual(len(self.hand.begun), 2)
        self.hand.end()
        self.clock.advance(0)
        self.assertEqual(self.hand.kinds, [TakeClaim, StartContainer, WriteClaim])

    def test_pulled(self) -> None:
        """An image that was pulled has the services planned that use it."""
        self.start(web=UNPULLED, api=CALM)
        self.assertEqual(self.hand.begun, [PullImage("web:1")])
        self.known.asked.clear()
        self.know(web=CALM)
        self.hand.end()
        self.clock.advance(0)
        self.assertEqual(self.known.asked, [WEB])

    def test_one_pull(self) -> None:
        """Two services of one image pull it once."""
        self.start(web=UNPULLED, api=UNPULLED)
        self.assertEqual(self.hand.begun, [PullImage("web:1")])

    def test_at_once(self) -> None:
        """A step that ends in the turn in which it began is no trap."""
        done: list[Step] = []

        async def carry_out(step: Step) -> StepOutcome:
            done.append(step)
            self.know(web=CALM)
            return Done()

        self.hand = carry_out  # type: ignore[assignment]  # a hand that does not wait
        self.loop = self.make()
        self.start(web=DEAD)
        self.assertEqual(len(done), 1)
        self.assertEqual(self.known.asked, [WEB, WEB])


class TimerTests(ReconcileCase):
    """Planning again at a time that a plan asked for."""

    def test_look_again(self) -> None:
        """A plan that says when to look again is made again then, and not before."""
        self.start(web=backing_off(4))
        self.clock.advance(3.9)
        self.assertEqual((self.known.asked, self.hand.begun), ([WEB], []))
        self.clock.advance(0.1)
        self.assertEqual(self.hand.kinds, [StartContainer])

    def test_replaced(self) -> None:
        """A new plan replaces the time of the one before."""
        self.start(web=backing_off(4))
        self.know(web=backing_off(8))
        self.loop.mark_dirty([WEB])
        self.clock.advance(0)
        self.known.asked.clear()
        self.clock.advance(4)
        self.assertEqual(self.known.asked, [])
        self.clock.advance(4)
        self.assertEqual(self.known.asked, [WEB])

    def test_withdrawn(self) -> None:
        """A new plan without such a time leaves no timer."""
        self.start(web=backing_off(4))
        timers = len(self.clock.getDelayedCalls())
        self.know(web=CALM)
        self.loop.mark_dirty([WEB])
        self.clock.advance(0)
        self.assertEqual(len(self.clock.getDelayedCalls()), timers - 1)


class FailureTests(ReconcileCase):
    """Note [Failed steps]."""

    def assert_begun(self, count: int, after: float) -> None:
        """So many steps have begun after some more seconds, the last of them not earlier."""
        self.clock.advance(after - 0.01)
        self.assertEqual(len(self.hand.begun), count - 1)
        self.clock.advance(0.01)
        self.assertEqual(len(self.hand.begun), count)

    def test_rests(self) -> None:
        """The lane of a failed step rests, after the first failure not at all, then longer each time."""
        self.start(web=FREE)
        self.hand.end(EtcdUnavailable("no answer"))
        self.clock.advance(0)
        self.assertEqual(len(self.hand.begun), 2)
        for count, pause in ((3, 0.5), (4, 1.0), (5, 2.0)):
            self.hand.end(EtcdUnavailable("no answer"))
            self.assert_begun(count, pause)

    def test_etcd_is_asked_again_soon(self) -> None:
        """However often etcd did not take a step, it is asked again within seconds: it may be well at any moment."""
        self.start(web=FREE)
        for count in range(2, 20):
            self.hand.end(EtcdUnavailable("no answer"))
            self.clock.advance(ETCD_DELAYS.limit)
            self.assertEqual(len(self.hand.begun), count)
        self.hand.end(EtcdUnavailable("no answer"))
        self.assert_begun(20, ETCD_DELAYS.limit)

    def test_success_forgives(self) -> None:
        """A step that succeeds ends the resting of its lane."""
        self.start(web=FREE)
        for _ in range(2):
            self.hand.end(EtcdUnavailable("no answer"))
            self.clock.advance(0)
        self.clock.advance(0.5)
        self.hand.end()
        self.clock.advance(0)
        self.hand.end(EtcdUnavailable("no answer"))
        self.clock.advance(0)
        self.assertEqual(len(self.hand.begun), 5)

    def test_lost_claim_rests(self) -> None:
        """After a lost claim the lane rests from the first time on: the watch will report who has it."""
        self.start(web=FREE)
        for count, pause in ((2, 0.5), (3, 1.0)):
            self.hand.end(ConditionFailed("another was first"))
            self.assert_begun(count, pause)

    def test_former_life(self) -> None:
        """How a service fared is forgotten when it is deleted, not when etcd is away and nobody knows."""
        for lane in (Lane("container", instance(1)), Lane("container", InstanceName(API, 1))):
            self.failures.take(lane, Fault("died", lane, "died"))
        tried = dict(self.failures.attempts)
        gone = situation(None)
        self.start(web=evolve(gone, here=evolve(gone.here, in_touch=False)), api=FREE)
        self.assertEqual(self.failures.attempts, tried)
        self.know(web=gone)
        self.loop.mark_dirty([WEB])
        self.clock.advance(0)
        self.assertEqual(list(self.failures.attempts), [InstanceName(API, 1)])

    def test_unreadable(self) -> None:
        """How a service fared is not forgotten while its definition cannot be read: it is as it was."""
        lane = Lane("container", instance(1))
        self.failures.take(lane, Fault("died", lane, "died"))
        tried = dict(self.failures.attempts)
        self.start(web=changed(situation(None), held=True))
        self.assertEqual((list(tried), self.failures.attempts), ([instance(1)], tried))

    def test_other_lanes_go_on(self) -> None:
        """A lane that rests keeps no other one waiting."""
        self.start(web=FREE)
        for _ in range(2):
            self.hand.end(EtcdUnavailable("no answer"))
            self.clock.advance(0)
        self.know(web=DEAD)
        self.loop.mark_dirty([WEB])
        self.clock.advance(0)
        self.assertEqual(self.hand.kinds[-1], StartContainer)

    def test_container_at_fault(self) -> None:
        """A container that cannot start is counted for its instance and reported; the planner has it wait."""
        self.start(web=DEAD)
        self.hand.end(EngineRefused("port 80 is taken"))
        self.assertEqual(
            (self.failures.attempts[instance(1)].count, self.failures.attempts[instance(1)].reason),
            (1, "port 80 is taken"),
        )
        self.assertEqual(self.told, [("1.web.myapp", "its container could not be started: port 80 is taken")])

    def test_the_same_fault_again(self) -> None:
        """A fault is reported once for each instance, however often it is met, and again when it is another one."""
        self.start(web=DEAD)
        for reason in ("unknown runtime", "unknown runtime", "port 80 is taken", "port 80 is taken"):
            self.hand.end(EngineRefused(reason))
            self.clock.advance(60)
        self.assertEqual([text.rpartition(": ")[2] for _, text in self.told], ["unknown runtime", "port 80 is taken"])

    def test_reasons_are_one_line(self) -> None:
        """A runtime's message of many lines, with any characters in it, is reported on one line of bounded length."""
        self.start(web=DEAD)
        self.hand.end(EngineRefused("no\nsuch\r\n\x1b[31mfile\t" + "x" * 10_000))
        reason = self.failures.attempts[instance(1)].reason
        self.assertTrue(reason.startswith("no such [31mfile xxx"), reason)
        self.assertEqual(len(reason), LONGEST_REASON)

    def test_engine_away(self) -> None:
        """An Engine that is away is no fault of the container, whose lane rests."""
        self.start(web=DEAD)
        self.hand.end(EngineUnavailable("no answer"))
        self.assertEqual((self.failures.attempts, self.told), ({}, []))
        self.clock.advance(0)
        self.hand.end(EngineUnavailable("no answer"))
        self.assert_begun(3, 0.5)

    def test_create_failed(self) -> None:
        """A container that cannot be created is counted as one that cannot start."""
        self.start(web=situation(WEB_1, (claim(starting_record()),)))
        self.assertEqual(self.hand.kinds, [CreateContainer])
        self.hand.end(EngineRefused("no such runtime"))
        self.assertEqual(self.failures.attempts[instance(1)].count, 1)

    def test_pull_failed(self) -> None:
        """A failed pull is counted for the image, and reported when its reason is new."""
        self.start(web=UNPULLED)
        for reason in ("manifest unknown", "manifest unknown", "no route to host"):
            self.hand.end(PullFailed(reason))
            self.clock.advance(0)
            self.loop.mark_dirty([WEB])
            self.clock.advance(0)
        self.assertEqual(self.failures.pulls["web:1"].count, 3)
        self.assertEqual(self.told, [("web:1", "manifest unknown"), ("web:1", "no route to host")])

    def test_unforeseen(self) -> None:
        """An exception nobody foresaw is logged with its traceback, and the lane rests."""
        self.start(web=DEAD)
        self.hand.end(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.clock.advance(0)
        self.assertEqual(len(self.hand.begun), 2)

    def test_old_rests_are_forgotten(self) -> None:
        """The sweep forgets failures of long ago."""
        self.start(web=FREE)
        for pause in (0.0, 0.5, 1.0, 2.0):
            self.hand.end(EtcdUnavailable("no answer"))
            self.clock.advance(pause)
        self.know(web=CALM)
        self.clock.pump([SWEEP] * 4)
        self.know(web=FREE)
        self.hand.end(EtcdUnavailable("no answer"))
        self.loop.mark_dirty([WEB])
        begun = len(self.hand.begun)
        self.clock.advance(0)
        self.assertEqual(len(self.hand.begun), begun + 1)


class StopTests(ReconcileCase):
    """The end of the loop."""

    def test_idle(self) -> None:
        """A stop ends all timers, and no plan is made afterwards."""
        self.start(web=backing_off(4))
        self.loop.mark_dirty([WEB])
        self.successResultOf(self.loop.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.loop.mark_dirty([WEB])
        self.assertEqual((self.clock.getDelayedCalls(), self.known.asked), ([], [WEB]))

    def test_waits(self) -> None:
        """A stop waits for the step in flight, and begins no other one."""
        self.start(web=DEAD)
        self.assertNoResult(stopped := self.loop.stopService())
        self.hand.end()
        self.successResultOf(stopped)
        self.clock.advance(SWEEP)
        self.assertEqual(len(self.hand.begun), 1)

    def test_not_for_ever(self) -> None:
        """A stop leaves a step that takes too long to itself, without a complaint, also when it fails later."""
        self.start(web=situation(definition(instances=2)))
        stopped = self.loop.stopService()
        self.clock.advance(SETTLE)
        self.successResultOf(stopped)
        self.hand.end()
        self.hand.end(Stopped("the threads are stopped"))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_pull(self) -> None:
        """A stop does not wait for an image, which takes long and leaves nothing behind."""
        self.start(web=UNPULLED)
        self.assertEqual((self.successResultOf(self.loop.stopService()), self.hand.begun[0].lane.kind), (None, IMAGE))

    def test_threads_stopped(self) -> None:
        """A step that found its threads stopped is no failure."""
        self.start(web=DEAD)
        self.hand.end(Stopped("the threads are stopped"))
        self.assertEqual((self.failures.attempts, self.told, self.flushLoggedErrors()), ({}, [], []))
