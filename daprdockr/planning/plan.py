"""
The planner: one service as it is and as it should be, and the time, to the steps that bring them together.

Pure: it logs nothing, keeps nothing, sorts what it walks, so that equal situations give equal plans. The steps of a
plan are the next ones only: after each the situation is gathered and planned again.

Note [What may stop a container]
    A running container of ours is stopped for one of these reasons, and no other: its service is deleted or scaled down
    (``_unwanted``), its definition changed (``keep_running``), its claim is held by another node whose instance is
    healthy (``_surplus``), it is one too many of the same instance, or its health check goes on failing, nothing leads
    to it any more, and it is its turn (``planning.keeping.replacing``). All of them need ``in_touch``; and when an
    instance is not wanted, its container goes only by the evidence of an etcd that knew it (``_knew``): one that was
    wiped, replaced or restored from before the container's time has no definition of it, which is no evidence.

Note [An answer that was lost]
    A write about an instance may have succeeded without an answer, and then we may own what the mirror shows as
    another's, or have given away what it shows as ours. So as long as a write is in progress or its outcome is unknown,
    no copy is surplus, none is stopped because nothing leads to it, for the write may lead there, and where there may
    only be one none is started. A lost answer is followed by a read of the key itself.

Note [At most one]
    With ``OnPartition: stop`` two copies must never run. So such an instance leaves a drained node the other way round:
    its container is stopped, then the claim is released, and another node takes it as a free one. One that runs here
    while another node holds the claim goes at once. The planner is not responsible for stopping in time on a node that
    lost touch: see ``daprdockr.guard``.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import field, frozen

from daprdockr.model.host import ContainerState
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.revisioned import Claim
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.claim_steps import DropSuccession, GiveUpSuccession, ReadClaim, ReleaseClaim, Succeed
from daprdockr.planning.claiming import free, vacant
from daprdockr.planning.jobs.job import plan_runs
from daprdockr.planning.keeping.judging import judge_rollout
from daprdockr.planning.keeping.not_in_time import not_in_time
from daprdockr.planning.keeping.recording import keep_books
from daprdockr.planning.keeping.reporting import report
from daprdockr.planning.keeping.rolling import free_slots
from daprdockr.planning.keeping.running import keep_running
from daprdockr.planning.keeping.withdrawing import Wait, Withdrawal, remove, withdraw
from daprdockr.planning.owning import own, until_overdue
from daprdockr.planning.placing.failing import drops_out, fails_here
from daprdockr.planning.situation import Here, Situation
from daprdockr.planning.steps import Step


@frozen
class Plan:
    """
    The next steps, at most one per lane, and when to plan again even if nothing happens (None: never). It waits for all
    nodes to have reached the revision ``awaits``.
    """

    steps: tuple[Step, ...] = ()
    plan_again_at: float | None = field(default=None)
    awaits: int = 0


def plan(situation: Situation, now: float) -> Plan:
    """Return the next steps of this node for one service."""
    found: list[Step | Wait | Withdrawal] = []
    if not situation.wanted.held:
        found.extend(judge_rollout(situation, now))
        found.extend(_unanswered(situation))
        for instance in _instances(situation):
            found.extend(_instance(situation, instance, now))
        found.extend(free_slots(situation, now))
        found.extend(free(situation, now))
        found.extend(vacant(situation, now))
        found.extend(keep_books(situation, now))
        found.extend(plan_runs(situation, now))
    steps: dict[object, Step] = {}
    for step in found:
        if not isinstance(step, Wait | Withdrawal):
            steps.setdefault(step.lane, step)
    waits = [one for one in found if isinstance(one, Wait)]
    again, awaits = min((w.at for w in waits), default=None), max((w.reached for w in waits), default=0)
    return Plan(tuple(steps.values()), again, awaits)


def _instances(situation: Situation) -> list[InstanceName]:
    """Return the instances this node owns or has a container of."""
    held = (*situation.claims.owners.items(), *situation.claims.successors.items())
    owned = {number for number, claim in held if claim.node == situation.here.node}
    numbers = owned.union(situation.host.containers)
    return [InstanceName(situation.name, number) for number in sorted(numbers)]


def _unanswered(situation: Situation) -> Iterator[Step]:
    """See Note [An answer that was lost]."""
    if situation.here.in_touch:
        yield from (ReadClaim(InstanceName(situation.name, number)) for number in sorted(situation.claims.unanswered))


def _instance(situation: Situation, instance: InstanceName, now: float) -> Iterator[Step | Wait | Withdrawal]:
    node = situation.here.node
    claim, successor = situation.claims.owners.get(instance.number), situation.claims.successors.get(instance.number)
    succeeding = successor is not None and successor.node == node
    service = situation.service
    wanted = service is not None and instance.number <= service.definition.instances
    leaves = claim is not None and claim.node != node and claim.record.leaving
    moves = wanted and leaves and service is not None and not service.definition.at_most_one
    dropped = claim is not None and succeeding and moves and drops_out(situation, claim, now)
    if successor is not None and succeeding and (dropped or not moves):
        yield from _drop(situation, successor, dropped, now)
    if service is None or not wanted:
        yield from _unwanted(situation, instance, claim, now)
    elif claim is None:
        return
    elif claim.node == node:
        yield from own(situation, claim, service.definition, now)
    elif successor is not None and succeeding and moves and not dropped:
        yield from _succeed(situation, claim, successor, service.definition, now)
    else:
        yield from _surplus(situation, claim, service.definition, now)


def _unwanted(
    situation: Situation, instance: InstanceName, claim: Claim | None, now: float
) -> Iterator[Step | Wait | Withdrawal]:
    """
    Stop, remove, then release the claim, because the service is deleted or scaled down. Note [What may stop a
    container].
    """
    here = situation.here
    if not here.in_touch:
        return
    containers = situation.of(instance)
    reason = f"{situation.name} is deleted" if situation.service is None else f"{situation.name} is scaled down"
    for container in containers:
        if _knew(here, container, claim):
            yield from withdraw(situation, container, reason, now)
    if claim is not None and claim.lease == here.lease != 0 and not containers:
        yield ReleaseClaim(instance, claim.fence)


def _knew(here: Here, container: ContainerState, claim: Claim | None) -> bool:
    """Return whether this etcd has seen the claim the container was created under, or one by which we adopted it."""
    adopted = claim is not None and claim.node == here.node
    return adopted or (container.cluster == here.cluster and container.revision <= here.revision)


def _surplus(
    situation: Situation, claim: Claim, definition: Definition, now: float
) -> Iterator[Step | Wait | Withdrawal]:
    """
    Let our copy go, because another node owns the instance: when that one has been healthy for the seconds of
    ``Drain``, in which all routes and names change to it; or at once if ours does not run, or there may only be one.

    See Note [An answer that was lost] and Note [At most one].
    """
    if not situation.here.in_touch or claim.instance.number in situation.claims.unanswered:
        return
    due = situation.moving.surplus_since.get(claim.instance.number, now) + definition.update.drain
    for container in situation.of(claim.instance):
        reason = f"{claim.instance} runs on {claim.node}"
        if not container.running or definition.at_most_one:
            yield remove(container, reason)
        elif claim.record.healthy and due <= now:
            yield from withdraw(situation, container, reason, now)
        elif claim.record.healthy:
            yield Wait(due)


def _succeed(
    situation: Situation, claim: Claim, successor: Claim, definition: Definition, now: float
) -> Iterator[Step | Wait | Withdrawal]:
    """
    Bring our container up, because an instance leaves its owner for us, and when that is healthy take the owner's
    place. As long as it is not certain that we may, none is started: nothing would lead to it, and if the owner serves
    by now it would only have to be stopped again.
    """
    here = situation.here
    confirmed = here.may_claim and successor.lease == here.lease
    record = report(situation, claim.instance, definition, now)
    if confirmed and record.healthy and record.definition == definition.digest:
        yield Succeed(claim.instance, record, claim.fence, claim.lease, successor.fence)
    yield from until_overdue(situation, claim.instance, now)
    if confirmed:
        yield from keep_running(situation, successor, definition, confirmed, now)


def _drop(situation: Situation, successor: Claim, fails: bool, now: float) -> Iterator[Step]:
    """
    Take nothing over: the owner is gone, or keeps the instance, or it is not wanted any more, or it ``fails`` here.
    """
    service, instance = situation.service, successor.instance
    if not situation.here.may_claim or successor.lease != situation.here.lease:
        return
    if service is not None and fails and instance not in fails_here(situation, now):  # its time is over
        reason = not_in_time(situation, instance, service.definition, now)
        yield GiveUpSuccession(instance, successor.fence, service.definition.digest, reason)
    else:
        yield DropSuccession(instance, successor.fence)
