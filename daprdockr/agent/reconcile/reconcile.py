"""
The reconcile loop: gather what is known of a service, plan, carry out, look again. For every service that changed.

Note [Dirty services, busy lanes]
    A change marks its service dirty; all dirty services are planned once in the next turn of the reactor, or when they
    are many in the next turns, so that DNS, which lives in the same thread, need not wait for all. The steps of
    a plan start at once, each in its lane, many side by side. A lane carries out one step at a time, and planning goes
    on while it does: the step of a busy lane is dropped, because the end of the running step marks the service dirty
    again, and the plan made then knows more. So no wake is lost, nothing waits for an unrelated step, and cost follows
    change. A sweep over all services, now and then, mends what nobody told us.

Note [Failed steps]
    A lane whose step failed rests, longer each time. What a person should know of it (an image that cannot be pulled,
    a container that cannot start) is counted in ``Host``, and the planner tells it in the claim.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeGuard

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from daprdockr.agent.host.host import Host
from daprdockr.agent.reconcile.claim_steps import ClaimLost
from daprdockr.agent.reconcile.gather import Gather
from daprdockr.model.backoff import Backoff
from daprdockr.model.errors import EngineError, EngineSilent, EngineUnavailable, EtcdError
from daprdockr.model.known.cluster import Changes
from daprdockr.model.names import ServiceName, one_line
from daprdockr.planning.attempts import DELAYS, NONE, Attempts
from daprdockr.planning.plan import plan
from daprdockr.planning.steps import CreateContainer, Lane, PullImage, StartContainer, Step
from daprdockr.runtime.workers import Stopped

SWEEP = 15.0
"""Seconds between two looks at all services."""

AT_ONCE = 50
"""Services that are planned in one turn of the reactor: some milliseconds."""

LONGEST_REASON = 500

ONCE = Attempts(count=1)
"""A lost claim rests from the first time on: the watch will tell who has it, and trying sooner is in vain."""

ETCD_DELAYS = Backoff(first=0.5, limit=5.0)
"""Between two tries of what etcd did not take: it may be well again at any moment, and others wait for the word."""

SETTLE = 5.0
"""Seconds that steps in flight are given when the loop stops."""


class Reconcile(Service):
    """
    :param gather: says what is known of a service.
    :param carry_out: carries out one step, or raises.
    :param chance: gives random numbers in [0, 1).
    :param tell: takes an event for people: what it is about, and one sentence.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: Any,
        gather: Gather,
        host: Host,
        carry_out: Callable[[Step], Awaitable[None]],
        chance: Callable[[], float],
        tell: Callable[[str, str], None],
    ) -> None:
        self._reactor = reactor
        self._gather = gather
        self._host = host
        self._carry_out = carry_out
        self._chance = chance
        self._tell = tell
        self._dirty: set[ServiceName] = set()
        self._turn: IDelayedCall | None = None
        self._timers: dict[ServiceName, IDelayedCall] = {}
        self._busy: dict[Lane, Deferred[None]] = {}
        self._resting: dict[Lane, Attempts] = {}
        self._sweep = LoopingCall(self.look_at_all)
        self._sweep.clock = reactor

    def startService(self) -> None:
        super().startService()
        self._sweep.start(SWEEP, now=True)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._sweep.stop()
        for timer in [*self._timers.values(), self._turn]:
            if timer is not None and timer.active():
                timer.cancel()
        return Deferred.fromCoroutine(self._settle())

    async def _settle(self) -> None:
        """Let the steps in flight end, so that few are left half done; a pull may take longer than anyone waits."""
        steps = gatherResults(list(self._busy.values()), consumeErrors=True)
        await steps.addTimeout(SETTLE, self._reactor, lambda *_: [])

    def look_at(self, services: Iterable[ServiceName]) -> None:
        """Plan these services in the next turn: Note [Dirty services, busy lanes]."""
        self._dirty.update(services)
        if self._dirty and self.running and (self._turn is None or not self._turn.active()):
            self._turn = self._reactor.callLater(0, self._plan_dirty)

    def on_changes(self, changes: Changes) -> None:
        """The mirror changed: plan what it touched; everything, when a node came or went."""
        if changes.nodes:
            self.look_at_all()
        self.look_at(changes.services)

    def look_at_all(self) -> None:
        now = self._reactor.seconds()
        self._resting = {lane: rest for lane, rest in self._resting.items() if rest.retry_at > now - 2 * SWEEP}
        self.look_at(self._gather.services())

    def _plan_dirty(self) -> None:
        dirty = sorted(self._dirty, key=str)[:AT_ONCE]
        self._dirty.difference_update(dirty)
        for service in dirty:
            try:
                self._plan(service)
            except Exception:  # one service must not stop the others
                self.log.failure("{service} could not be planned", service=service)
        self.look_at(())

    def _plan(self, service: ServiceName) -> None:
        now = self._reactor.seconds()
        situation = self._gather.situation(service, now)
        if situation.service is None and not situation.held and situation.here.in_touch:
            self._host.forget_attempts(service)
        made = plan(situation, now)
        again = [made.look_again] if made.look_again is not None else []
        for step in made.steps:
            rest = self._resting.get(step.lane, NONE)
            if rest.retry_at > now:
                again.append(rest.retry_at)
            elif step.lane not in self._busy:
                self._begin(service, step)
        self._look_again(service, min(again, default=None), now)

    def _look_again(self, service: ServiceName, at: float | None, now: float) -> None:
        timer = self._timers.pop(service, None)
        if timer is not None and timer.active():
            timer.cancel()
        if at is not None:
            self._timers[service] = self._reactor.callLater(max(0.0, at - now), self.look_at, [service])

    def _begin(self, service: ServiceName, step: Step) -> None:
        done: Deferred[None] = Deferred()
        self._busy[step.lane] = done
        Deferred.fromCoroutine(self._step(service, step)).addBoth(done.callback)

    async def _step(self, service: ServiceName, step: Step) -> None:
        try:
            await self._carry_out(step)
        except Stopped:
            pass
        except Exception as error:
            self._failed(step, error)
        else:
            self.log.info("done: {step}", step=step)
            self._resting.pop(step.lane, None)
        finally:
            del self._busy[step.lane]
            self.look_at([service] if not isinstance(step, PullImage) else self._gather.users_of(step.reference))

    def _failed(self, step: Step, error: Exception) -> None:
        """See Note [Failed steps]."""
        now, said_before = self._reactor.seconds(), False
        reason = one_line(str(error) or type(error).__name__, LONGEST_REASON)
        if isinstance(step, CreateContainer | StartContainer) and self._says_something_of(error):
            self._did_not_come_up(step, error, reason)
        elif isinstance(step, PullImage) and isinstance(error, EngineError):
            if self._host.pulls.get(step.reference, NONE).reason != reason:
                self._tell(step.reference, reason)
            self._host.pull_failed(step.reference, reason)
        else:
            before = self._resting.get(step.lane, ONCE if isinstance(error, ClaimLost) else NONE)
            said_before = isinstance(error, EtcdError) and before.reason == reason
            delays = ETCD_DELAYS if isinstance(error, ClaimLost | EtcdError) else DELAYS
            self._resting[step.lane] = before.failed(now, reason, delays=delays, chance=self._chance())
        if said_before:
            return
        if isinstance(error, ClaimLost | EtcdError | EngineError):
            self.log.warn("could not {step}: {reason}", step=step, reason=reason)
        else:
            self.log.failure("could not {step}", step=step)

    def _says_something_of(self, error: Exception) -> TypeGuard[EngineError]:
        """Of the container or of this host's starts, rather than that the Engine is away."""
        if isinstance(error, EngineSilent):
            return not self._host.trouble
        return isinstance(error, EngineError) and not isinstance(error, EngineUnavailable)

    def _did_not_come_up(self, step: CreateContainer | StartContainer, error: EngineError, reason: str) -> None:
        before = self._host.starts.trouble
        of = step.definition.digest if isinstance(step, CreateContainer) else self._host.digest_of(step.container)
        if self._host.failed(step.instance, error, reason, of):
            self._tell(str(step.instance), f"could not {step}: {reason}")
        if self._host.starts.trouble and not before:
            node = self._gather.here().node
            self._tell(node, f"nothing starts on this node, which is taken last from now on: {reason}")
