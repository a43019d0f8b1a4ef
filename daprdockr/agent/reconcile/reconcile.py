"""
The reconcile loop: gather what is known of a service, plan, carry out, repeat. For every service that changed.

Note [Dirty services, busy lanes]
    A change marks its service dirty; all dirty services are planned once in the next turn of the reactor, or when they
    are many in the next turns, so that DNS, which lives in the same thread, need not wait for all. The steps of a plan
    start at once, each in its lane, many side by side. A lane carries out one step at a time, and planning goes on
    while it does: the step of a busy lane is dropped, because the end of the running step marks the service dirty
    again, and the plan made then knows more. So no wake is lost, nothing waits for an unrelated step, and cost follows
    change. A sweep over the services that are not settled elsewhere, now and then, repairs what no event reported; one
    over all services, which costs more the larger the cluster is, comes seldom.

Note [Failed steps]
    The module that carries out a step returns its outcome as a ``StepOutcome``; ``Failures`` counts it, and says how
    long the lane rests. The planner finds there, too, what a person should know (an image that cannot be pulled, a
    container that cannot start), and reports it in the claim. An exception that no module foresaw is a fault of this
    program: it is logged with its traceback, and the lane rests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Protocol

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.agent.host.failures import Failures
from daprdockr.agent.host.probe import Target
from daprdockr.agent.host.targets import targets
from daprdockr.model.known.changes import Changes
from daprdockr.model.names import ServiceName
from daprdockr.planning.container_steps import PullImage
from daprdockr.planning.lanes import IMAGE, Lane
from daprdockr.planning.outcome import Done, Fault, Retry, StepOutcome, reason_of
from daprdockr.planning.plan import plan
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import Step
from daprdockr.runtime.lasting import lasting
from daprdockr.runtime.timer import Timer
from daprdockr.runtime.workers import Stopped

SWEEP = 15.0
"""Seconds between two sweeps over the services that are not settled elsewhere."""

WHOLE_SWEEP = 20
"""Of so many sweeps one goes over all services: every five minutes."""

AT_ONCE = 50
"""Services that are planned in one turn of the reactor: some milliseconds."""

SETTLE = 5.0
"""Seconds that steps in flight are given when the loop stops."""


class Gathering(Protocol):
    """The source of situations; it changes nothing. ``Gather`` implements it."""

    def services(self) -> Iterable[ServiceName]: ...

    def unsettled(self) -> Iterable[ServiceName]: ...

    def users_of(self, image: str) -> Iterable[ServiceName]: ...

    def dependents(self, names: Iterable[ServiceName]) -> Iterable[ServiceName]: ...

    def situation(self, name: ServiceName) -> Situation: ...


class Observer(Protocol):
    """The memory since when instances have been in their states. ``Since`` implements it."""

    def observe(self, service: ServiceName, now: float) -> None: ...


class Checks(Protocol):
    """The health checks of containers. ``HealthChecks`` implements them."""

    def follow(self, service: ServiceName, targets: Mapping[str, Target]) -> None: ...


class Awaiting(Protocol):
    """
    The memory of which plans wait for other nodes; it has this node ask them to report. ``Withdrawals`` implements it.
    """

    def wait(self, service: ServiceName, revision: int) -> None: ...


@frozen
class Informed:
    """
    The parts that learn from each plan of a service: ``health`` which containers to check, ``withdrawals`` which
    revision all nodes have to reach first (0: none).
    """

    health: Checks
    withdrawals: Awaiting


class Reconcile(Service):
    """
    :param gather: collects what is known of a service.
    :param since: observes a service once before that is planned.
    :param informed: learn from each plan.
    :param failures: counts the outcomes of steps.
    :param carry_out: carries out one step, and returns its outcome.
    :param record_event: takes an event for people: its subject, and one sentence.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        gather: Gathering,
        since: Observer,
        informed: Informed,
        failures: Failures,
        carry_out: Callable[[Step], Awaitable[StepOutcome]],
        record_event: Callable[[str, str], None],
    ) -> None:
        self._reactor = reactor
        self._gather = gather
        self._since = since
        self._informed = informed
        self._failures = failures
        self._carry_out = carry_out
        self._record_event = record_event
        self._dirty: set[ServiceName] = set()
        self._turn = Timer(reactor, self._plan_dirty)
        self._timers: dict[ServiceName, Timer] = {}
        self._busy: dict[Lane, Deferred[None]] = {}
        self._nothing_starts = False
        self._sweeps = 0
        self._sweep = lasting(reactor, self._mark_at_sweep, "a sweep failed")

    def startService(self) -> None:
        super().startService()
        self._sweep.start(SWEEP, now=True)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._sweep.stop()
        self._turn.cancel()
        for timer in self._timers.values():
            timer.cancel()
        return Deferred.fromCoroutine(self._settle())

    async def _settle(self) -> None:
        """Let the steps in flight end, so that few are left half done, but for pulls: nothing is left of one."""
        ending = [done for lane, done in self._busy.items() if lane.kind != IMAGE]
        steps = gatherResults(ending, consumeErrors=True)
        await steps.addTimeout(SETTLE, self._reactor, lambda *_: [])

    def mark_dirty(self, services: Iterable[ServiceName]) -> None:
        """Plan these services in the next turn: Note [Dirty services, busy lanes]."""
        self._dirty.update(services)
        if self._dirty and self.running:
            self._turn.set(0)

    def on_changes(self, changes: Changes) -> None:
        """
        Plan what a change of the mirror touched, and the services that wait for it; everything, when a node came or
        went.
        """
        if changes.nodes:
            self.mark_all_dirty()
        self.mark_dirty(changes.services.union(self._gather.dependents(changes.services)))

    def mark_all_dirty(self) -> None:
        self._mark(self._gather.services())

    def _mark_at_sweep(self) -> None:
        is_whole = self._sweeps % WHOLE_SWEEP == 0
        self._sweeps += 1
        self._mark(self._gather.services() if is_whole else self._gather.unsettled())

    def _mark(self, services: Iterable[ServiceName]) -> None:
        self._failures.forget_old_rests(2 * SWEEP)
        self.mark_dirty(services)

    def _plan_dirty(self) -> None:
        dirty = sorted(self._dirty, key=str)[:AT_ONCE]
        self._dirty.difference_update(dirty)
        for service in dirty:
            try:
                self._plan(service)
            except Exception:  # one service must not stop the others
                self.log.failure("{service} could not be planned", service=service)
        self.mark_dirty(())

    def _plan(self, service: ServiceName) -> None:
        now = self._reactor.seconds()
        self._since.observe(service, now)
        seen = self._gather.situation(service)
        self._notice_darkness(seen.here.node)
        if seen.service is None and not seen.wanted.held and seen.here.in_touch:
            self._failures.forget(service)
        made = plan(seen, now)
        self._informed.withdrawals.wait(service, made.awaits)
        checked = targets(seen.service, seen.host.containers, seen.here.local, seen.claims.owners, seen.host.checks)
        self._informed.health.follow(service, checked)
        again = [made.plan_again_at] if made.plan_again_at is not None else []
        for step in made.steps:
            rests_until = self._failures.rests_until(step.lane)
            if rests_until > now:
                again.append(rests_until)
            elif self._busy.keys().isdisjoint(step.lanes):
                self._begin(seen, step)
        self._plan_again(service, min(again, default=None), now)

    def _plan_again(self, service: ServiceName, at: float | None, now: float) -> None:
        timer = self._timers.pop(service, None)
        if timer is not None:
            timer.cancel()
        if at is not None:
            self._timers[service] = Timer(self._reactor, partial(self.mark_dirty, [service]))
            self._timers[service].set(max(0.0, at - now))

    def _begin(self, seen: Situation, step: Step) -> None:
        done: Deferred[None] = Deferred()
        self._busy |= dict.fromkeys(step.lanes, done)
        Deferred.fromCoroutine(self._step(seen.name, seen.here.node, step)).addBoth(done.callback)

    async def _step(self, service: ServiceName, node: str, step: Step) -> None:
        try:
            outcome = await self._carry_out(step)
        except Stopped:
            pass
        except Exception as error:
            self.log.failure("could not {step}", step=step)
            self._failures.take(step.lane, Retry(reason_of(error)))
        else:
            self._ended(node, step, outcome)
        finally:
            for lane in step.lanes:
                del self._busy[lane]
            self.mark_dirty([service] if not isinstance(step, PullImage) else self._gather.users_of(step.reference))

    def _ended(self, node: str, step: Step, outcome: StepOutcome) -> None:
        """See Note [Failed steps]."""
        news = self._failures.take(step.lane, outcome)
        if isinstance(outcome, Done):
            self.log.info("done: {step}", step=step)
            return
        if isinstance(outcome, Fault) and news:
            self._record_event(str(outcome.lane.subject), outcome.event)
        self._notice_darkness(node)
        if news or isinstance(outcome, Fault) or not outcome.once:
            self.log.warn("could not {step}: {reason}", step=step, reason=outcome.reason)

    def _notice_darkness(self, node: str) -> None:
        """Record an event when nothing starts here any more; a failed step may show it, or what other nodes run."""
        before, trouble = self._nothing_starts, self._failures.trouble
        self._nothing_starts = bool(trouble)
        if trouble and not before:
            self._record_event(node, f"no container starts on this node; it is ranked last until one does: {trouble}")
