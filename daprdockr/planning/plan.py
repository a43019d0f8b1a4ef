"""
The planner: one service as it is and as it should be, and the time, to the steps that bring them together.

Pure: it logs nothing, keeps nothing, sorts what it walks, so that equal situations give equal plans. The steps of a
plan are the next ones only: after each the situation is looked at and planned anew.

Note [What may stop a container]
    A running container of ours is stopped for one of these, and nothing else: its service is deleted or scaled down
    (``_unwanted``), its definition changed (``_own``), its claim is held by another node whose instance is healthy
    (``_surplus``), or it is one too many of the same instance. All of them need ``in_touch``; and when an instance is
    not wanted, its container goes only on the word of an etcd that knew it (``_knew``): one that was wiped, replaced or
    restored from before the container's time has no definition of it, which is no evidence.

Note [Old generation, new generation]
    After a changed definition the image is fetched while the old container serves on. Then the old one is stopped, the
    new one is created and started on the same host ports, and only when it runs is the old one removed.

Note [Out of touch]
    Without etcd an instance we last knew as ours is still ours: its container, when it died, is started again, unless
    one of another generation runs. Nothing is created, claimed, released or stopped then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from attrs import field, frozen

from daprdockr.model.cluster import Claim
from daprdockr.model.definition import Definition
from daprdockr.model.host import ContainerState, Port, Status
from daprdockr.model.names import InstanceName
from daprdockr.model.records import ClaimRecord
from daprdockr.planning.attempts import NONE
from daprdockr.planning.leaving import takers
from daprdockr.planning.placement import rank
from daprdockr.planning.situation import Here, Situation
from daprdockr.planning.steps import (
    CreateContainer,
    DropSuccession,
    PullImage,
    ReleaseClaim,
    RemoveContainer,
    StartContainer,
    Step,
    StopContainer,
    Succeed,
    TakeClaim,
    TakeSuccession,
    WriteClaim,
)
from daprdockr.planning.telling import settled_at, tell

PATIENCE = 1.0
"""Seconds a node waits, per place in the ranking, before it claims what another should have claimed."""


@frozen
class Wait:
    """Not a step: look again at ``at`` (monotonic seconds)."""

    at: float


@frozen
class Plan:
    """The next steps, at most one per lane, and when to look again even if nothing happens (None: never)."""

    steps: tuple[Step, ...] = ()
    look_again: float | None = field(default=None)


def plan(situation: Situation, now: float) -> Plan:
    """What this node should do next about one service."""
    found: list[Step | Wait] = []
    if not situation.held:
        for instance in _instances(situation):
            found.extend(_instance(situation, instance, now))
        found.extend(_free(situation, now))
        found.extend(_vacant(situation, now))
    steps: dict[object, Step] = {}
    for step in found:
        if not isinstance(step, Wait):
            steps.setdefault(step.lane, step)
    return Plan(tuple(steps.values()), min((w.at for w in found if isinstance(w, Wait)), default=None))


def _instances(situation: Situation) -> list[InstanceName]:
    """The instances this node owns or has a container of."""
    held = (*situation.claims.items(), *situation.successors.items())
    owned = {number for number, claim in held if claim.node == situation.here.node}
    numbers = owned.union(situation.containers)
    return [InstanceName(situation.name, number) for number in sorted(numbers)]


def _instance(situation: Situation, instance: InstanceName, now: float) -> Iterator[Step | Wait]:
    node = situation.here.node
    claim, successor = situation.claims.get(instance.number), situation.successors.get(instance.number)
    succeeding = successor is not None and successor.node == node
    service = situation.service
    wanted = service is not None and instance.number <= service.definition.instances
    if successor is not None and succeeding and not (wanted and claim and claim.node != node and claim.record.leaving):
        yield from _drop(situation, successor)
    if service is None or not wanted:
        yield from _unwanted(situation, instance, claim)
    elif claim is None:
        return
    elif claim.node == node:
        yield from _own(situation, claim, service.definition, now)
    elif successor is not None and succeeding and claim.record.leaving:
        yield from _succeed(situation, claim, successor, service.definition, now)
    else:
        yield from _surplus(situation, claim, service.definition, now)


def _unwanted(situation: Situation, instance: InstanceName, claim: Claim | None) -> Iterator[Step]:
    """Deleted or scaled down: stop, remove, then let go of the claim. Note [What may stop a container]."""
    here = situation.here
    if not here.in_touch:
        return
    containers = situation.of(instance)
    reason = f"{situation.name} is deleted" if situation.service is None else f"{situation.name} is scaled down"
    for container in containers:
        if _knew(here, container, claim):
            yield _remove(container, reason)
    if claim is not None and claim.lease == here.lease != 0 and not containers:
        yield ReleaseClaim(instance, claim.fence)


def _knew(here: Here, container: ContainerState, claim: Claim | None) -> bool:
    """Whether this etcd has seen the claim the container was created under, or one by which we adopted it."""
    adopted = claim is not None and claim.node == here.node
    return adopted or (container.cluster == here.cluster and container.revision <= here.revision)


def _surplus(situation: Situation, claim: Claim, definition: Definition, now: float) -> Iterator[Step | Wait]:
    """
    Another node owns the instance: our copy goes when that one has been healthy for the seconds of ``Drain``, in which
    all routes and names turn to it; or at once if ours does not run.
    """
    if not situation.here.in_touch:
        return
    due = situation.surplus_since.get(claim.instance.number, now) + definition.update.drain
    for container in situation.of(claim.instance):
        if not container.running or (claim.record.healthy and due <= now):
            yield _remove(container, f"{claim.instance} runs on {claim.node}")
        elif claim.record.healthy:
            yield Wait(due)


def _succeed(
    situation: Situation, claim: Claim, successor: Claim, definition: Definition, now: float
) -> Iterator[Step | Wait]:
    """An instance leaves its owner for us: bring our container up, and when that is healthy take the owner's place."""
    here = situation.here
    confirmed = here.may_claim and successor.lease == here.lease
    record = tell(situation, claim.instance, definition, now)
    if confirmed and record.healthy and record.definition == definition.digest:
        yield Succeed(claim.instance, record, claim.fence, successor.fence)
    yield from _keep_running(situation, successor, definition, confirmed, now)


def _drop(situation: Situation, successor: Claim) -> Iterator[Step]:
    """The owner is gone, or keeps the instance, or it is not wanted any more: nothing is taken over."""
    if situation.here.may_claim and successor.lease == situation.here.lease:
        yield DropSuccession(successor.instance, successor.fence)


def _own(situation: Situation, claim: Claim, definition: Definition, now: float) -> Iterator[Step | Wait]:
    here, instance = situation.here, claim.instance
    confirmed = here.may_claim and claim.lease == here.lease
    if confirmed:
        record = tell(situation, instance, definition, now)
        if record != claim.record:
            yield WriteClaim(instance, record, claim.fence)
        if situation.leaving.get(instance.number, now) > now:
            yield Wait(situation.leaving[instance.number])
    yield from _keep_running(situation, claim, definition, confirmed, now)


def _keep_running(
    situation: Situation, claim: Claim, definition: Definition, confirmed: bool, now: float
) -> Iterator[Step | Wait]:
    """One container of the present definition runs, and no other, whether the claim is held or to be taken over."""
    instance = claim.instance
    containers = situation.of(instance)
    current = [c for c in containers if c.definition == definition.digest]
    if current and current[0].running:
        if settled_at(situation, instance) > now:
            yield Wait(settled_at(situation, instance))
        if confirmed:
            yield from (_remove(c, "another container of this instance runs") for c in containers if c != current[0])
    elif confirmed and not current and situation.image is None:
        yield from _pull(situation, definition, now)
    elif containers and containers[0].running:
        if confirmed:
            yield _remove(containers[0], f"the definition of {situation.name} changed")
    else:
        yield from _run(situation, claim, definition, confirmed, now)


def _run(
    situation: Situation, claim: Claim, definition: Definition, confirmed: bool, now: float
) -> Iterator[Step | Wait]:
    """No container of the instance runs: start the one there is, or create one, when it is time."""
    tries = situation.tries(claim.instance)
    current = next((c for c in situation.of(claim.instance) if c.definition == definition.digest), None)
    if current is not None and (current.error or current.status in (Status.DEAD, Status.REMOVING)):
        if confirmed and current.status is not Status.REMOVING:
            yield _remove(current, current.error or "it is dead")
    elif now < tries.retry_at:
        yield Wait(tries.retry_at)
    elif current is not None:
        yield StartContainer(claim.instance, current.id)
    elif confirmed:
        yield CreateContainer(claim.instance, definition, _ports(situation, claim, definition), claim.fence)


def _pull(situation: Situation, definition: Definition, now: float) -> Iterator[Step | Wait]:
    reference = definition.container.image
    pulls = situation.pulls.get(reference, NONE)
    yield PullImage(reference) if pulls.retry_at <= now else Wait(pulls.retry_at)


def _ports(situation: Situation, claim: Claim, definition: Definition) -> tuple[Port, ...]:
    """Declared and exposed ports, each with the host port it had when this instance last ran here."""
    exposed = situation.image.exposed if situation.image else ()
    wanted = {(port.container, port.protocol) for port in (*definition.ports, *exposed)}
    before = [port for container in reversed(situation.of(claim.instance)) for port in container.ports]
    had = {(port.container, port.protocol): port.host for port in (*claim.record.ports, *before) if port.host}
    return tuple(Port(number, protocol, had.get((number, protocol), 0)) for number, protocol in sorted(wanted))


def _remove(container: ContainerState, reason: str) -> Step:
    if container.running:
        return StopContainer(container.instance, container.id, container.stop_timeout, reason)
    return RemoveContainer(container.instance, container.id, reason)


def _free(situation: Situation, now: float) -> Iterator[Step | Wait]:
    """Claim free instances: those we run a container of, those we rank first for, and those others left too long."""
    if situation.service is None or not situation.here.may_claim:
        return
    definition, node = situation.service.definition, situation.here.node
    numbers = (n for n in range(1, definition.instances + 1) if n not in situation.claims)
    free = [InstanceName(situation.name, number) for number in numbers]
    running = [i for i in free if any(container.running for container in situation.of(i))]
    held = Counter(claim.node for claim in situation.claims.values())
    room = max(0, 1 - held[node]) if definition.placement.one_per_node else len(free)
    held[node] += len(running)
    ranking = rank((i for i in free if i not in running), definition, held, situation.candidates)
    places = sorted((order.index(node), i) for i, order in ranking.items() if node in order)
    for place, instance in [*((0, i) for i in running), *places][:room]:
        due = situation.free_since.get(instance.number, now) + place * PATIENCE
        take = TakeClaim(instance, tell(situation, instance, definition, now))
        yield take if due <= now else Wait(due)


def _vacant(situation: Situation, now: float) -> Iterator[Step | Wait]:
    """Prepare to take over instances that leave their owners, in the order of the same ranking."""
    if situation.service is None or not situation.here.may_claim:
        return
    definition, node = situation.service.definition, situation.here.node
    vacant = [
        claim
        for number, claim in sorted(situation.claims.items())
        if claim.record.leaving and number not in situation.successors and number <= definition.instances
    ]
    for claim in vacant:
        others = takers(claim.node, situation.candidates)
        held = Counter(c.node for c in (*situation.claims.values(), *situation.successors.values()))
        order = rank([claim.instance], definition, held, others)[claim.instance]
        if node in order:
            due = situation.free_since.get(claim.instance.number, now) + order.index(node) * PATIENCE
            take = TakeSuccession(claim.instance, ClaimRecord(node=node, addresses=situation.here.addresses))
            yield take if due <= now else Wait(due)
