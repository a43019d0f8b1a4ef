"""
A small cluster in memory: etcd, hosts with containers, and agents that plan and carry out. Time passes in rounds.

It holds the planner to what must never happen, by rules of its own: ``Agent.check`` is asked about every step.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

from attrs import evolve

from daprdockr.model.host import ContainerState, Image, Port, Status
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.entries import Absent, Condition, Delete, Deleted, Entry, Fence, Operation, Put
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.slot import SlotRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.attempts import NONE, Attempts
from daprdockr.planning.candidates import Candidate
from daprdockr.planning.claim_steps import ReleaseClaim, TakeClaim, WriteClaim
from daprdockr.planning.container_steps import (
    CreateContainer,
    PullImage,
    RemoveContainer,
    StartContainer,
    StopContainer,
)
from daprdockr.planning.placing.wave import offers
from daprdockr.planning.plan import Plan, plan
from daprdockr.planning.rollout_steps import FreeSlot, SlotStep, TakeSlot
from daprdockr.planning.situation import Here, Situation
from daprdockr.planning.steps import Step
from tests.build.situations import grouped
from tests.build.values import KEYS
from tests.fakes.store import MemoryStore

ROUND = 0.5
"""Seconds that a round takes."""
TTL = 6
LONG_AGO = -10_000.0
MOST_SLOTS = 1000


class Violation(AssertionError):
    """The planner did what it never may."""


class Agent:
    """One node: its containers, its mirror of etcd, its lease."""

    def __init__(self, world: World, name: str, labels: dict[str, str]) -> None:
        self.world, self.name, self.labels = world, name, labels
        self.cluster = Cluster(KEYS)
        self.containers: dict[str, ContainerState] = {}
        self.images: dict[str, Image] = {}
        self.attempts: dict[InstanceName, Attempts] = {}
        self.free: dict[InstanceName, float] = {}
        self.lease, self.until = 0, 0.0
        self.connected = True
        self.beat()
        self.listen()

    # Its lease, its watch, and its faults.

    def beat(self) -> None:
        """Renew the lease, or begin another."""
        store = self.world.store
        if self.connected:
            if not self.lease or not store.keep_alive(self.lease):
                self.lease = store.grant(TTL).id
                store.put(KEYS.node(self.name), NodeRecord(labels=self.labels).encode(), self.lease)
            self.until = self.world.now + TTL

    def listen(self) -> None:
        """Take over what etcd holds, as the follower does after a broken watch."""
        if self.connected:
            self.cluster.replace(self.world.store.list(KEYS.root))

    def hear(self, batches: int = 1000) -> None:
        """Take over at most so many watch responses."""
        for _ in range(batches):
            batch = self.world.store.since(KEYS.root, self.cluster.revision + 1) if self.connected else None
            if batch is None:
                return
            self.cluster.apply(batch)

    def cut_off(self) -> None:
        self.connected = False

    def reconnect(self) -> None:
        self.connected = True
        self.beat()
        self.listen()

    def restart(self, keep_lease: bool) -> None:
        """The agent ends and another begins, which knows what runs and what the state directory kept."""
        self.attempts, self.free, self.images = {}, {}, {}
        if not keep_lease:
            self.lease, self.until = 0, 0.0
        self.beat()
        self.listen()

    def end(self, container: str) -> None:
        """A container dies."""
        state = self.containers[container]
        if state.running:
            self.containers[container] = evolve(state, status=Status.EXITED, finished=self.world.now)
            before = self.attempts.get(state.instance, NONE)
            lived = max(0.0, self.world.now - state.started)
            self.attempts[state.instance] = before.failed(self.world.now, "died", lived)

    # Its plans.

    def services(self) -> list[ServiceName]:
        here = {state.instance.service for state in self.containers.values()}
        return sorted(here.union(self.cluster.services, self.cluster.claimed_services))

    def situation(self, name: ServiceName) -> Situation:
        containers: dict[int, tuple[ContainerState, ...]] = {}
        for state in self.containers.values():
            if state.instance.service == name:
                containers[state.instance.number] = (*containers.get(state.instance.number, ()), state)
        cluster, now = self.cluster, self.world.now
        known = tuple(
            Candidate(node, found.record.labels, cluster.loads[node])
            for node, found in cluster.nodes.items()
            if node not in cluster.cordoned
        )
        lease = self.lease if self.connected and now < self.until else 0
        return grouped(
            Here(self.name, ("10.0.0.1",), lease, self.connected, cluster.cluster_id, cluster.revision),
            name,
            service=cluster.services.get(name),
            held=cluster.is_held(name),
            claims=cluster.claims(name),
            containers=containers,
            images=self.images,
            attempts=self.attempts,
            verdicts={state.id: True for state in self.containers.values() if state.started < now},
            candidates=known,
            offered=offers(cluster, known).get(name, known),
            free_since=self._free_since(name),
            # Drained, proven and free for long already: that takes time and nothing else.
            surplus_since=dict.fromkeys(containers, 0.0),
            slots=cluster.slots(name),
            vacant_since=dict.fromkeys(range(1, 1 + MOST_SLOTS), LONG_AGO),
            well_since={state.id: LONG_AGO for state in self.containers.values() if state.running},
        )

    def _free_since(self, name: ServiceName) -> dict[int, float]:
        service = self.cluster.services.get(name)
        numbers = range(1, service.definition.instances + 1) if service else ()
        free = {n: InstanceName(name, n) for n in numbers if n not in self.cluster.claims(name)}
        for instance in [i for i in self.free if i.service == name and i.number not in free]:
            del self.free[instance]
        return {number: self.free.setdefault(instance, self.world.now) for number, instance in free.items()}

    def plans(self) -> list[Plan]:
        """A plan for each service, checked."""
        made = []
        for name in self.services():
            seen = self.situation(name)
            made.append(plan(seen, self.world.now))
            for step in made[-1].steps:
                self.check(seen, step)
            if len({step.lane for step in made[-1].steps}) < len(made[-1].steps):
                raise Violation(f"two steps in one lane: {made[-1].steps}")
        return made

    def check(self, seen: Situation, step: Step) -> None:
        """:raises Violation: for a step that no plan may have."""
        if not self.connected and not isinstance(step, StartContainer):
            raise Violation(f"{self.name} is out of touch, but would {step}")
        if isinstance(step, RemoveContainer) and self.containers[step.container].running:
            raise Violation(f"{self.name} would remove what runs: {step}")
        if isinstance(step, StopContainer) and not self.may_stop(seen, self.containers[step.container]):
            raise Violation(f"{self.name} has no reason to {step}")
        if isinstance(step, TakeClaim) and seen.service and seen.service.definition.placement.one_per_node:
            held = sum(claim.node == self.name for claim in seen.claims.owners.values())
            if held:
                raise Violation(f"{self.name} has one already, but would {step}")

    def may_stop(self, seen: Situation, state: ContainerState) -> bool:
        """The reasons of design rule 2, and of two copies side by side."""
        if seen.wanted.held or seen.service is None:
            return not seen.wanted.held
        definition, claim = seen.service.definition, seen.claims.owners.get(state.instance.number)
        twins = [c for c in seen.host.containers[state.instance.number] if c.running and c != state]
        return (
            state.instance.number > definition.instances
            or (claim is not None and claim.node != self.name and claim.record.healthy)
            or (claim is not None and claim.node == self.name and state.definition != definition.digest)
            or bool(twins)
        )

    # Its steps.

    def carry_out(self, step: Step) -> None:
        match step:
            case TakeClaim(instance, record):
                key = KEYS.claim(instance)
                self.world.attempts += 1
                self._write(Absent(key), Put(key, record.encode(), self.lease), 0)
            case WriteClaim(instance, record, fence, _):
                key = KEYS.claim(instance)
                self._write(Fence(key, fence, self.lease), Put(key, record.encode(), self.lease), fence)
            case ReleaseClaim(instance, fence):
                self._write(Fence(KEYS.claim(instance), fence, self.lease), Delete(KEYS.claim(instance)), fence)
            case TakeSlot() | FreeSlot():
                self._change_slot(step)
            case PullImage(reference):
                self.images[reference] = Image(reference)
            case CreateContainer(instance, definition, ports, fence):
                self._create(instance, definition, ports, fence)
            case StartContainer(_, container):
                self._start(container)
            case StopContainer(_, container):
                self.containers[container] = evolve(self.containers[container], status=Status.EXITED)
            case RemoveContainer(_, container):
                del self.containers[container]

    def _change_slot(self, step: SlotStep) -> None:
        key = KEYS.slot(step.instance.service, step.number)
        condition = Fence(key, step.fence, self.lease) if step.fence else Absent(key)
        if isinstance(step, FreeSlot):
            self._write(condition, Delete(key), step.fence)
        else:
            record = SlotRecord(self.name, step.instance, step.definition)
            self._write(condition, Put(key, record.encode(), self.lease), step.fence)

    def _write(self, condition: Condition, operation: Operation, fence: int) -> None:
        commit = self.world.store.commit([condition], [operation])
        if not commit.succeeded:
            return
        revision = commit.revision
        if isinstance(operation, Delete):
            self.cluster.note(Deleted(operation.key, revision))
        else:
            entry = Entry(operation.key, operation.value, fence or revision, revision, operation.lease)
            self.cluster.note(entry)

    def _create(self, instance: InstanceName, definition: Definition, ports: Iterable[Port], fence: int) -> None:
        name = f"{self.name}{next(self.world.numbers)}"
        others = [state for state in self.containers.values() if state.running or state.instance != instance]
        taken = {port.host for state in others for port in state.ports}
        chosen = []
        for port in ports:
            free = (n for n in itertools.chain([port.host], itertools.count(20000)) if n and n not in taken)
            chosen.append(evolve(port, host=next(free)))
            taken.add(chosen[-1].host)
        self.containers[name] = ContainerState(
            name,
            name,
            instance,
            definition.digest,
            Status.CREATED,
            self.cluster.cluster_id,
            fence,
            tuple(chosen),
        )

    def _start(self, container: str) -> None:
        state = self.containers[container]
        mine = {port.host for port in state.ports}
        for other in self.containers.values():
            if other.running and other.id != container and mine.intersection(port.host for port in other.ports):
                raise Violation(f"{self.name} would start {container} on host ports in use")
        self.containers[container] = evolve(state, status=Status.RUNNING, started=self.world.now)


class World:
    """The cluster; ``attempts`` counts the tries to claim."""

    def __init__(self, labels: dict[str, dict[str, str]]) -> None:
        self.store = MemoryStore()
        self.now = 100.0
        self.attempts = 0
        self.numbers = itertools.count(1)
        self.agents = {name: Agent(self, name, given) for name, given in labels.items()}
        for agent in self.agents.values():
            agent.hear()

    def set(self, definition: Definition) -> None:
        self.store.put(KEYS.service(definition.name), definition.encode())

    def delete(self, name: ServiceName) -> None:
        self.store.commit([], [Delete(KEYS.service(name))])

    def round(self, order: Callable[[list[str]], list[str]] = sorted, lag: Callable[[], int] = lambda: 1000) -> int:
        """All agents plan from what they have received before any of them acts; returns the number of steps."""
        self._pass_time()
        for agent in self.agents.values():
            agent.hear(lag())
        planned = {name: [s for made in agent.plans() for s in made.steps] for name, agent in self.agents.items()}
        for name in order(list(planned)):
            for step in planned[name]:
                self.agents[name].carry_out(step)
        return sum(len(steps) for steps in planned.values())

    def rounds(self, count: int) -> int:
        """So many rounds; returns how many steps there were."""
        return sum(self.round() for _ in range(count))

    def _pass_time(self) -> None:
        self.now += ROUND
        for agent in self.agents.values():
            agent.beat()
        self.store.advance(ROUND)

    def settle(self, limit: int = 300) -> int:
        """Rounds until nobody has anything to do or to wait for. :raises Violation: after ``limit`` of them."""
        for rounds in range(limit):
            busy = self.round()
            for agent in self.agents.values():
                agent.hear()
            waiting = [
                m.plan_again_at for agent in self.agents.values() for m in agent.plans() if m.steps or m.plan_again_at
            ]
            if not busy and not waiting:
                return rounds
        raise Violation(f"not settled after {limit} rounds")

    def containers(self) -> dict[str, ContainerState]:
        """All there are, on all hosts, by id."""
        return {name: state for agent in self.agents.values() for name, state in agent.containers.items()}

    def truth(self) -> Cluster:
        """The present content of etcd, as a fresh mirror shows it."""
        cluster = Cluster(KEYS)
        cluster.replace(self.store.list(KEYS.root))
        return cluster
