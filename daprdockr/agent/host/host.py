"""
This host as the agent knows it: its containers, and its images.

Kept current by the Engine's events, by the outcome of own steps, and by a full list now and then. Knows nothing of
what should run.

Note [A list is older than it looks]
    A list is made by the Engine while events and own steps go on, and arrives after some of them. So every container
    that was looked at since the list was asked for keeps what that look found; ``_looks`` counts them. Looks overtake
    each other too, in their threads: one that finds a container running which is known to have ended since that start
    is the older one.

Note [Deaths]
    A container that ran and does not run any more died, unless we were stopping it. Its death is counted for the
    instance, with the time it had lived, and decides how soon it is started again. One that lives so shortly that no
    look finds it running has another time of start than before; without counting that, it would be started again at
    once and for ever. "We were stopping it" is over when it is started again. What is counted ends with the service:
    one that is defined later under its name begins anew, and nobody takes this node for one on which it fails.

    The exit status of a signal is no proof of a kill from outside, for a program can give itself that status; and a
    container that is removed while it runs leaves no exit status at all. So both count as kills, and kills are only
    spared the first few times: ``attempts.SPARED``.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol

from attrs import evolve
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from daprdockr.agent.host.endings import Endings
from daprdockr.agent.host.failures import Failures
from daprdockr.agent.host.hints import Hints
from daprdockr.model.errors import EngineError
from daprdockr.model.host import ContainerState, Image, Inventory
from daprdockr.model.known.changes import Changes
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.seams import Engine
from daprdockr.model.trouble import EngineHangs, EngineLost, EngineNotReached, line
from daprdockr.planning.attempts import BRIEF
from daprdockr.runtime.pool import Run

LIST_INTERVAL = 30.0
"""Seconds between two full lists. Events come sooner; this finds what they missed."""

FIRST_RETRY = 1.0
"""Seconds from the first call that failed to another list; each further time twice as long, up to the interval."""

KILLED = (128 + signal.SIGKILL, 128 + signal.SIGTERM)
"""The exit statuses of a container that a signal from outside may have ended."""


class Listening(Protocol):
    """What listens to the Engine's events in a thread of its own; ``daprdockr.engine.events`` has it."""

    def start(self) -> None: ...

    def stop(self) -> object: ...


class Host(Service):
    """
    :param listen: makes the listener to the Engine's events for this object.
    :param on_changes: told of the services whose containers changed.
    :param on_answer: called when the Engine answers for the first time, and when it does again after a failure.
    :param failures: is told of deaths, and that a container started.
    :param is_alive: whether a node holds a lease: Note [A node that was renamed] in ``agent.holder``.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: Any,
        run: Run,
        engine: Engine,
        listen: Callable[[Host], Listening],
        on_changes: Callable[[Iterable[ServiceName]], None],
        on_answer: Callable[[], None],
        failures: Failures,
        is_alive: Callable[[str], bool] = lambda node: False,
    ) -> None:
        self._reactor = reactor
        self._run = run
        self._engine = engine
        self._listener = listen(self)
        self._on_changes = on_changes
        self._on_answer = on_answer
        self._failures = failures
        self._is_alive = is_alive
        self._waiting: dict[str, ContainerState] = {}
        self._containers: dict[str, ContainerState] = {}
        self._services: dict[ServiceName, dict[int, tuple[ContainerState, ...]]] = {}
        self._hints = Hints(reactor, self._look_for_hint, self._list_now)
        self._looks = 0
        self._looked: dict[str, int] = {}
        self._stopping: set[str] = set()
        self._loop = LoopingCall(self._list)
        self._loop.clock = reactor
        self._retry: IDelayedCall | None = None
        self._pause = FIRST_RETRY
        self.images: dict[str, Image] = {}
        self._endings = Endings(reactor)
        self.inventory = Inventory()
        self.asked = False
        self.listed = False
        self.condition: EngineNotReached | EngineHangs | EngineLost | None = EngineNotReached()
        """Why the Engine cannot be asked; None while it answers."""

    @property
    def trouble(self) -> str:
        return line(self.condition)

    def startService(self) -> None:
        super().startService()
        self._listener.start()
        self._loop.start(LIST_INTERVAL, now=False)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        if self._loop.running:
            self._loop.stop()
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await self._run(self._listener.stop)

    @property
    def containers(self) -> Iterable[ContainerState]:
        return self._containers.values()

    @property
    def services(self) -> Iterable[ServiceName]:
        """The services that have a container here."""
        return self._services.keys()

    def of(self, service: ServiceName) -> Mapping[int, tuple[ContainerState, ...]]:
        """The containers of a service by instance number."""
        return self._services.get(service, {})

    def digest_of(self, container: str) -> str:
        """Of its definition; "" when there is no such container."""
        state = self._containers.get(container)
        return state.definition if state is not None else ""

    @property
    def stopping_now(self) -> Collection[str]:
        """The containers that are being stopped on purpose, though they may still run."""
        return self._stopping

    # What the listener calls, in its own thread.

    def on_event(self, action: str, container: str) -> None:
        if action == "create":
            return  # who created it knows, and until it starts it is nobody else's matter
        self._hints.hint(container)

    def on_connected(self) -> None:
        self._reactor.callFromThread(self._list_now)

    def on_lost(self, error: EngineError) -> None:
        self._reactor.callFromThread(self._lost, str(error))

    # The rest is in the reactor's thread.

    def look_at(self, container: str) -> Deferred[None]:
        """Find out what became of one container."""
        return Deferred.fromCoroutine(self._look_at(container))

    def _look_for_hint(self, container: str) -> Deferred[None]:
        return self.look_at(container).addErrback(
            lambda failure: self.log.failure("a container could not be looked at", failure)
        )

    async def _look_at(self, container: str) -> None:
        try:
            state = await self._run(self._engine.inspect, container)
        except EngineError as error:
            self._lost(str(error))
            return
        if state is None:
            self.forget(container)
        else:
            self.update(state)

    def fell_silent(self, reason: str) -> None:
        """The Engine answers nothing at all; whoever says so tells as well when it does again."""
        if not (self.asked and self.trouble):
            self.log.warn("the Docker Engine has fallen silent: {reason}", reason=reason)
            self.asked, self.condition = True, EngineHangs(reason)
            self._on_answer()

    def answered(self) -> None:
        """The Engine answers again after it had fallen silent."""
        self._list_now()

    def _list_now(self) -> None:
        Deferred.fromCoroutine(self._list())

    async def _list(self) -> None:
        before = self._looks
        try:
            self._take_list(await self._run(self._engine.containers), before)
            self._take_inventory(await self._run(self._engine.inventory))
        except EngineError as error:
            self._lost(str(error))
        except Exception:
            self.log.failure("the containers could not be listed")

    def _take_list(self, found: Iterable[ContainerState], before: int) -> None:
        """See Note [A list is older than it looks]."""
        states = {state.id: state for state in found}
        if not self.listed or self.trouble:
            self.log.info("the Docker Engine answers, {count} containers are ours", count=len(states))
        changed = not self.listed or bool(self.trouble)
        self.asked = self.listed = True
        self.condition, self._pause = None, FIRST_RETRY
        for container in list(self._containers):
            if container not in states and self._looked.get(container, 0) <= before:
                self.forget(container)
        self._waiting = {container: state for container, state in self._waiting.items() if container in states}
        for state in states.values():
            if self._looked.get(state.id, 0) <= before:
                self.update(state)
        self._looked = {c: look for c, look in self._looked.items() if look > before or c in self._containers}
        self._failures.forget_old_faults()
        if changed:
            self._on_answer()

    def _take_inventory(self, found: Inventory) -> None:
        before, self.inventory = self.inventory, found
        if found.networks != before.networks and any(state.cut_off for state in self.containers):
            self._on_answer()

    async def ended(self, container: str, seconds: float) -> bool:
        """Wait until a container is known not to run any more, at most so many seconds; whether it is."""
        if self._runs(container):
            await self._endings.wait(container, seconds)
        return not self._runs(container)

    def _runs(self, container: str) -> bool:
        return container in self._containers and self._containers[container].running

    def stopping(self, container: str) -> None:
        """This container is going to be stopped on purpose: its end is no death."""
        self._stopping.add(container)

    def update(self, state: ContainerState) -> None:
        """Take over what a look at a container found."""
        if state.former and state.id not in self._containers and self._is_alive(state.former):
            self._waiting[state.id] = state
            return
        self._looks += 1
        self._looked[state.id] = self._looks
        old = self._containers.get(state.id)
        if old == state or (old is not None and _is_older(state, old)):
            return
        if old is not None and _has_ended(old, state) and state.id not in self._stopping:
            self._died(state)
        if old is not None and state.running and not old.running:
            self._stopping.discard(state.id)
            self._failures.started()
        if state.cut_off and (old is None or not old.cut_off):
            self._doubt(state.cut_off)
        self._containers[state.id] = state
        self._index(state.instance)
        if not state.running:
            self._endings.over(state.id)

    def _doubt(self, network: str) -> None:
        """A network was taken from a container, most likely because it goes: the next inventory says whether it did."""
        there = tuple(one for one in self.inventory.networks if network not in (one.name, one.id))
        self.inventory = evolve(self.inventory, networks=there)

    def on_changes(self, changes: Changes) -> None:
        """Nodes came or went: take up what one of them held back."""
        if changes.nodes and self._waiting:
            waiting, self._waiting = self._waiting, {}
            for state in waiting.values():
                self.update(state)

    def forget(self, container: str) -> None:
        """A container is gone."""
        self._waiting.pop(container, None)
        self._looks += 1
        self._looked[container] = self._looks
        state = self._containers.pop(container, None)
        if state is not None:
            if state.running:
                self.log.warn("container {id} of {instance} is gone", id=container[:12], instance=state.instance)
                if container not in self._stopping:
                    self._failures.died(state, "its container was removed by somebody", BRIEF, killed=True)
            self._index(state.instance)
        self._stopping.discard(container)
        self._endings.over(container)

    def pulled(self, reference: str, image: Image) -> None:
        """An image is on this host."""
        self.inventory = evolve(self.inventory, images=self.inventory.images | {reference})
        self.images[reference] = image

    def _died(self, state: ContainerState) -> None:
        """See Note [Deaths]."""
        how = "out of memory" if state.oom_killed else f"exit status {state.exit_code}"
        lived = max(0.0, state.finished - state.started)
        self.log.warn("container {id} of {instance} died: {how}", id=state.id[:12], instance=state.instance, how=how)
        killed = state.exit_code in KILLED and not state.oom_killed
        self._failures.died(state, f"died: {how}", lived, killed)

    def _index(self, instance: InstanceName) -> None:
        service = self._services.setdefault(instance.service, {})
        states = tuple(state for state in self._containers.values() if state.instance == instance)
        if states:
            service[instance.number] = states
        else:
            service.pop(instance.number, None)
            if not service:
                del self._services[instance.service]
        self._on_changes([instance.service])

    def _lost(self, reason: str) -> None:
        if reason != self.trouble:
            self.log.warn("the Docker Engine does not answer: {reason}", reason=reason)
        self.asked, self.condition = True, EngineLost(reason)
        if self.running and (self._retry is None or not self._retry.active()):
            self._retry = self._reactor.callLater(self._pause, self._list_now)
            self._pause = min(LIST_INTERVAL, 2 * self._pause)


def _is_older(state: ContainerState, known: ContainerState) -> bool:
    """See Note [A list is older than it looks]."""
    return state.running and not known.running and state.started == known.started


def _has_ended(before: ContainerState, after: ContainerState) -> bool:
    """Whether a run ended between two looks. See Note [Deaths]."""
    return not after.running and (before.running or after.started != before.started)
