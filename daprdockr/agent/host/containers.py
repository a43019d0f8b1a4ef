# -*- test-case-name: tests.unit.agent.host.test_host -*-
"""
This host's containers, as inspections and lists report them. Calls nothing, and does not know what should run.

Note [A list is older than it looks]
    A list is made by the Engine while events and own steps go on, and arrives after some of them. So every container
    that was inspected since the list was requested keeps the result of that inspection; ``inspections`` counts them.
    Inspections overtake each other too, in their threads: one that reports a container as running which is known to
    have ended since that start is the older one.

Note [Deaths]
    A container that ran and does not run any more died, unless we were stopping it. Its death is counted for that
    generation of the instance, with the time it had lived, and decides how soon it is started again. A container whose
    life is too short for an inspection to see it running has another time of start than before; without counting that,
    it would be started again at once and endlessly. "We were stopping it" is over when it is started again. The counts
    end with the service: one that is defined later under its name begins anew, and no node is believed to be one on
    which it fails.

    The exit status of a signal is no proof of a kill from outside, because a program can give itself that status; and a
    container that is removed while it runs leaves no exit status at all. So both count as kills, as does an end soon
    after a signal (``sent_signals``), and kills are only spared the first few times: ``attempts.SPARED``.

Containers that may be another's are held back: they are stored, but take part in nothing. See Note [The name is the
mark] in ``model.host``.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from attrs import evolve
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.agent.host.endings import Endings
from daprdockr.agent.host.failures import Failures
from daprdockr.agent.host.sent_signals import SentSignals
from daprdockr.model.host import ContainerState
from daprdockr.model.known.changes import Changes
from daprdockr.model.last_words import how_it_ended
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.planning.attempts import BRIEF

KILLED = (128 + signal.SIGKILL, 128 + signal.SIGTERM)
"""The exit statuses of a container that a signal from outside may have ended."""


class Containers:
    """
    :param on_changes: called with the services whose containers changed.
    :param on_cut_off: called with a network that was taken from a container.
    :param failures: counts deaths, and learns that a container started.
    :param on_death: called with a container that ended unexpectedly, or was stopped because it was unhealthy; whether
        that is news; and why it was stopped.
    :param is_held_back: returns whether a container may be another agent's: ``agent.mirror.own_containers``.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        failures: Failures,
        on_changes: Callable[[Iterable[ServiceName]], None],
        on_cut_off: Callable[[str], None],
        wall: Callable[[], float],
        on_death: Callable[[ContainerState, bool, str], None] = lambda container, news, unhealthy: None,
        is_held_back: Callable[[ContainerState], bool] = lambda container: False,
    ) -> None:
        self._failures = failures
        self._on_changes = on_changes
        self._on_cut_off = on_cut_off
        self._on_death = on_death
        self._is_held_back = is_held_back
        self._endings = Endings(reactor)
        self.signals = SentSignals(wall)
        self._held_back: dict[str, ContainerState] = {}
        self._containers: dict[str, ContainerState] = {}
        self._services: dict[ServiceName, dict[int, tuple[ContainerState, ...]]] = {}
        self._of_runs: dict[ServiceName, dict[str, ContainerState]] = {}
        self._inspected: dict[str, int] = {}
        self._stopping: dict[str, str] = {}
        self._unstopped: set[str] = set()
        self.inspections = 0

    def __iter__(self) -> Iterator[ContainerState]:
        return iter(self._containers.values())

    @property
    def held_back(self) -> Iterable[ContainerState]:
        """The containers that may be another's."""
        return self._held_back.values()

    def holds_back(self, state: ContainerState) -> bool:
        """Return whether a container may be another's. One that was ours once stays ours."""
        if state.id in self._containers:
            return False
        ours = self.of(state.instance.service).get(state.instance.number, ())
        return self._is_held_back(state) or state.mark in {one.mark for one in ours}

    @property
    def services(self) -> Iterable[ServiceName]:
        """The services that have a container here."""
        return self._services.keys() | self._of_runs.keys()

    def of(self, service: ServiceName) -> Mapping[int, tuple[ContainerState, ...]]:
        """Return the copies of instances of a service, by instance number."""
        return self._services.get(service, {})

    def runs_of(self, service: ServiceName) -> Iterable[ContainerState]:
        """Return the containers that carry out runs of a service."""
        return self._of_runs.get(service, {}).values()

    def get(self, container: str) -> ContainerState | None:
        """Return one container by its id."""
        return self._containers.get(container)

    def digest_of(self, container: str) -> str:
        """Return the digest of its definition; "" when there is no such container."""
        state = self._containers.get(container)
        return state.definition if state is not None else ""

    @property
    def stopping_now(self) -> Collection[str]:
        """The containers that are being stopped on purpose, though they may still run, or ended like that."""
        return [one for one in self._stopping if one not in self._unstopped or not self._runs(one)]

    def stopping(self, container: str, unhealthy: str = "") -> None:
        """
        Take note that this container is going to be stopped on purpose: its end is no death, but a failure if the
        reason is what its health check found.
        """
        self._stopping[container] = unhealthy
        self._unstopped.discard(container)

    def stop_failed(self, container: str) -> None:
        """Take note that its stop failed: it may have got the signal, and if it runs, nobody is stopping it now."""
        self._unstopped.add(container)
        self._unstopped.intersection_update(self._stopping)

    async def wait_for_end(self, container: str, seconds: float) -> bool:
        """Wait until a container is known not to run any more, at most so many seconds; return whether it is."""
        if self._runs(container):
            await self._endings.wait(container, seconds)
        return not self._runs(container)

    def _runs(self, container: str) -> bool:
        return container in self._containers and self._containers[container].running

    def take_list(self, found: Iterable[ContainerState], before: int) -> None:
        """
        Take over a list. See Note [A list is older than it looks].

        :param before: the count of inspections when the list was requested.
        """
        states = {state.id: state for state in found}
        self._held_back = {container: states[container] for container in self._held_back if container in states}
        for container in list(self._containers):
            if container not in states and self._inspected.get(container, 0) <= before:
                self.forget(container)
        for state in sorted(states.values(), key=lambda state: not state.made_as):  # those that were renamed come first
            if self._inspected.get(state.id, 0) <= before:
                self.update(state)
        self._inspected = {c: at for c, at in self._inspected.items() if at > before or c in self._containers}
        self.signals.keep_only(self._containers)
        self._failures.forget_old_faults()

    def update(self, state: ContainerState) -> None:
        """Take over the result of an inspection."""
        if self.holds_back(state):
            self._held_back[state.id] = state
            return
        self._held_back.pop(state.id, None)
        self.inspections += 1
        self._inspected[state.id] = self.inspections
        old = self._containers.get(state.id)
        if old == state or (old is not None and _is_older(state, old)):
            return
        if old is not None and old.started != state.started:
            self._stopping.pop(state.id, None)
        if old is not None and _has_ended(old, state):
            state = evolve(state, signalled=self.signals.explain(state))
            self._ended(state)
        if state.running:
            began = old is not None and not old.running
            if began:
                self._stopping.pop(state.id, None)
            self._failures.ran(state, began)
        if state.cut_off and (old is None or not old.cut_off):
            self._on_cut_off(state.cut_off)
        self._containers[state.id] = state
        self._index(state)
        if not state.running:
            self._endings.over(state.id)

    def on_changes(self, changes: Changes) -> None:
        """Adopt the containers that are not held back any more: a node went, or etcd says whose they are."""
        self._adopt()

    def _adopt(self) -> None:
        for state in list(self._held_back.values()):
            if not self.holds_back(state):
                self.update(state)

    def forget(self, container: str) -> None:
        """Forget a container that is gone."""
        self._held_back.pop(container, None)
        self.inspections += 1
        self._inspected[container] = self.inspections
        state = self._containers.pop(container, None)
        if state is not None:
            if state.running and not state.run:
                self.log.warn("container {id} of {instance} is gone", id=container[:12], instance=state.instance)
                if container not in self._stopping:
                    self._failures.died(state, "its container was removed by somebody", BRIEF, killed=True)
            self._index(state)
            self._adopt()
        self._stopping.pop(container, None)
        self._endings.over(container)

    def _ended(self, state: ContainerState) -> None:
        """See Note [Deaths]. The end of a run is what it was begun for, and its record says how it ended."""
        if state.run:
            return
        unhealthy = self._stopping.get(state.id)
        if unhealthy is None:
            self._died(state)
        elif unhealthy:
            self._on_death(state, self._failures.unhealthy(state, unhealthy), unhealthy)

    def _died(self, state: ContainerState) -> None:
        how = how_it_ended(state)
        lived = max(0.0, state.finished - state.started)
        self.log.warn("container {id} of {instance} ended: {how}", id=state.id[:12], instance=state.instance, how=how)
        killed = (state.signalled or state.exit_code in KILLED) and not state.out_of_memory
        self._on_death(state, self._failures.died(state, how, lived, killed), "")

    def _index(self, changed: ContainerState) -> None:
        if changed.run:
            self._index_run(changed)
        else:
            self._index_instance(changed.instance)
        self._on_changes([changed.instance.service])

    def _index_run(self, changed: ContainerState) -> None:
        runs = self._of_runs.setdefault(changed.instance.service, {})
        runs.pop(changed.id, None)
        if changed.id in self._containers:
            runs[changed.id] = changed
        if not runs:
            del self._of_runs[changed.instance.service]

    def _index_instance(self, instance: InstanceName) -> None:
        service = self._services.setdefault(instance.service, {})
        states = tuple(one for one in self._containers.values() if one.instance == instance and not one.run)
        if states:
            service[instance.number] = states
        else:
            service.pop(instance.number, None)
            if not service:
                del self._services[instance.service]


def _is_older(state: ContainerState, known: ContainerState) -> bool:
    """See Note [A list is older than it looks]."""
    return state.running and not known.running and state.started == known.started


def _has_ended(before: ContainerState, after: ContainerState) -> bool:
    """Return whether a run ended between two inspections. See Note [Deaths]."""
    return not after.running and (before.running or after.started != before.started)
