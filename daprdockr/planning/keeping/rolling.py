# -*- test-case-name: tests.unit.planning.keeping.test_rolling,tests.unit.whole.test_rollouts -*-
"""
Which instances get a container of a changed definition, and when: a few at a time in the whole cluster.

Note [Slots of a rollout]
    A node replaces the container of an instance only while it holds one of the slots 1 to ``Update.Parallelism`` of the
    service, a key under its lease. So etcd counts how many instances are in transition, no node leads, and a slot whose
    holder died is free with its lease. The node takes one when it has the image. The instances that still need one take
    turns: as many of the lowest numbers as there are free slots at once, the next ones ``TURN`` seconds later, for a
    node may still be pulling the image; so there is no race for a slot, and nobody holds the others up for long.

    With the slot the new container is created and started beside the old one, which goes on serving and stays in the
    claim until the new one has been healthy for ``Update.MinHealthy`` seconds. Then the claim changes to the new one,
    the old one is withdrawn, drained, stopped and removed, and the slot is free. Where two copies may not run side by
    side (``stops_first``), the old one is withdrawn and stopped before the new one starts; there, too, the slot is kept
    until the new one has been healthy for so long. A new container that does not come up keeps the slot: no other
    instance follows it.

    A definition that is stored meanwhile supersedes the rollout at once: who has a slot goes on with it for the newer
    definition, whether a container runs or not, for its deadline counts from then; and the container of the one in
    between goes. A container that dies meanwhile: Note [The former copy died] in ``former_copy``.

Note [Away counts as well]
    An instance that waits for the node with its data is not served, for as long as that node is away. Where the old
    copy of another one has to stop before the new one starts, that would be one more than ``Update.Parallelism``
    allows: a database of three would lose its majority. So it takes one of the slots as long as it waits, and a healthy
    copy stays in service; one that is not healthy is replaced as usual. An instance without data that no node has room
    for does not count: a service may want more of them than there will be nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from daprdockr.model.host import ContainerState
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.revisioned import Claim, Slot, StoppedRollout
from daprdockr.model.stored.rollout import RolloutState
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.one_copy import stops_first
from daprdockr.planning.keeping.withdrawing import Wait
from daprdockr.planning.placing.placement import vacancies
from daprdockr.planning.placing.tied import ties
from daprdockr.planning.rollout_steps import FreeSlot, TakeSlot
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import Step

TURN = 5.0
"""Seconds after which the next instances may take the slots that nobody took."""


def is_outdated(claim: Claim, definition: Definition) -> bool:
    """Return whether a claim leads to a container of another definition."""
    return claim.record.definition not in ("", definition.digest)


def is_whole(definition: Definition, claims: Mapping[int, Claim]) -> bool:
    """Return whether all wanted instances are healthy, and of this definition."""
    records = [claims[n].record for n in range(1, definition.instances + 1) if n in claims]
    well = (one.healthy and one.definition == definition.digest for one in records)
    return len(records) == definition.instances > 0 and all(well)


def is_stopped(situation: Situation) -> bool:
    """Return whether the rollout stands still until a person decides."""
    return situation.service is not None and stands_still(situation.rollout.record, situation.service.definition)


def stands_still(stopped: StoppedRollout | None, definition: Definition) -> bool:
    if stopped is None or stopped.record.state is RolloutState.REVERTED:
        return False
    return stopped.record.concerns(definition)


def slot_of(situation: Situation, instance: InstanceName) -> Slot | None:
    """Return the slot that this node holds for an instance, for whichever definition."""
    return next((slot for slot in _own(situation) if slot.record.instance == instance), None)


def _own(situation: Situation) -> list[Slot]:
    here = situation.here
    slots = (slot for _, slot in sorted(situation.rollout.slots.items()))
    return [slot for slot in slots if slot.record.node == here.node and slot.lease == here.lease != 0]


def take_slot(
    situation: Situation, instance: InstanceName, definition: Definition, now: float
) -> Iterator[Step | Wait]:
    """Yield the step by which an instance gets a slot for this definition, when it is its turn."""
    if (kept := keep_slot(situation, instance, definition)) is not None:
        yield kept
        return
    if is_stopped(situation):
        return
    slots, claims = situation.rollout.slots, situation.claims.owners
    busy = {slot.record.instance.number for slot in slots.values()}
    most = min(definition.update.parallelism, definition.instances)
    free = [number for number in range(1, most + 1) if number not in slots]
    if instance.number in claims and claims[instance.number].record.healthy:
        free = free[: max(0, most - len(slots) - len(_away(situation, definition) - busy))]
    if free:
        before = [n for n in claims if n < instance.number and n not in busy and is_outdated(claims[n], definition)]
        turn, place = divmod(len(before), len(free))
        at = situation.rollout.vacant_since.get(free[place], now) + turn * TURN
        yield TakeSlot(instance, free[place], 0, definition.digest) if at <= now else Wait(at)


def keep_slot(situation: Situation, instance: InstanceName, definition: Definition) -> TakeSlot | None:
    """Return the step by which an instance goes on with a slot that it has for another definition, if it has one."""
    slot = slot_of(situation, instance)
    if slot is None or slot.record.definition == definition.digest:
        return None
    return TakeSlot(instance, slot.number, slot.fence, definition.digest, revision=slot.revision)


def _away(situation: Situation, definition: Definition) -> frozenset[int]:
    """Return the instances that count as away: Note [Away counts as well]."""
    waiting = vacancies(definition, situation.claims.owners) if stops_first(definition) else ()
    return frozenset(ties(definition, situation.claims.volumes)).intersection(waiting)


def proven_at(situation: Situation, container: ContainerState, definition: Definition) -> float | None:
    """Return when a copy will have been healthy for long enough; None if it is not healthy, as far as known."""
    since = situation.rollout.well_since.get(container.id)
    return None if since is None else since + definition.update.min_healthy


def is_proven(situation: Situation, container: ContainerState, definition: Definition, now: float) -> bool:
    at = proven_at(situation, container, definition)
    return at is not None and at <= now


def free_slots(situation: Situation, now: float) -> Iterator[Step]:
    """Yield the steps by which this node gives back the slots that it does not need any more."""
    if situation.here.may_claim:
        for slot in _own(situation):
            if _is_through(situation, slot.record.instance, now):
                yield FreeSlot(slot.record.instance, slot.number, slot.fence, revision=slot.revision)


def _is_through(situation: Situation, instance: InstanceName, now: float) -> bool:
    """Return whether the instance is not ours or not wanted, or its new container is proven and alone."""
    service, claim = situation.service, situation.claims.owners.get(instance.number)
    if service is None or instance.number > service.definition.instances:
        return True
    if claim is None or claim.node != situation.here.node:
        return True
    copies, record = situation.of(instance), claim.record
    if len(copies) != 1 or copies[0].definition != service.definition.digest:
        return False
    reported = record.healthy and record.container == copies[0].id
    return reported and is_proven(situation, copies[0], service.definition, now)
