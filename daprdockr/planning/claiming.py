# -*- test-case-name: tests.unit.planning.test_plan,tests.unit.planning.test_succession -*-
"""
Claiming instances: those that are free, and those that leave their owners, by each node at its rank.

Note [Precedence]
    A free instance of which this node has a container is claimed here if nobody else was quicker. This node has
    precedence for it: first of all when that container runs (the lease ended, and only the claim was lost), and when it
    does not but could (the whole cluster lost its power), unless it failed lately or this node takes no instances.
    Precedence needs no ranking and no good beats: while an instance runs here, no other node should begin to run it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice

from daprdockr.model.host import ContainerState, Status
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.candidates import Candidate
from daprdockr.planning.claim_steps import TakeClaim, TakeSuccession
from daprdockr.planning.fitting import able, has_ports
from daprdockr.planning.keeping.reporting import report
from daprdockr.planning.keeping.withdrawing import Wait
from daprdockr.planning.placing.failing import failing_now
from daprdockr.planning.placing.home import at_home, homes
from daprdockr.planning.placing.leaving import forbidden, takers
from daprdockr.planning.placing.placement import held_by_node, rank, vacancies
from daprdockr.planning.placing.tied import ties
from daprdockr.planning.situation import Placing, Situation
from daprdockr.planning.steps import Step

CLAIM_DELAY = 1.0
"""Seconds a node waits, per rank, before it claims an instance that another node should have claimed."""


def free(situation: Situation, now: float) -> Iterator[Step | Wait]:
    """Claim free instances: those with precedence here, those we rank first for, those that others left too long."""
    if situation.service is None or not situation.here.may_claim:
        return
    definition = situation.service.definition
    due = _due(situation, definition, now)
    # Build records only for claims that are due now; others will take most of the rest.
    for instance in (InstanceName(situation.name, number) for number, at in due.items() if at <= now):
        yield TakeClaim(instance, report(situation, instance, definition, now), _compared(situation, instance))
    yield from (Wait(at) for at in sorted(at for at in due.values() if at > now)[:1])


def _compared(situation: Situation, instance: InstanceName) -> int | None:
    """Return the revision of the record that a claim depends on: Note [Tied to a node] in ``placing.tied``."""
    if situation.service is None or not situation.service.definition.container.kept_volumes:
        return None
    stored = situation.claims.volumes.get(instance.number)
    return 0 if stored is None else stored.revision


def _due(situation: Situation, definition: Definition, now: float) -> dict[int, float]:
    """
    Return the free instances that this node may claim, by number, with the time from which it may; the best first:
    those with precedence here, those whose data is here, and the others in the order of the ranking.
    """
    node, since = situation.here.node, situation.placing.free_since
    tied, vacant = homes(situation, definition), vacancies(definition, situation.claims.owners)
    held = held_by_node(situation.claims.owners, situation.claims.successors)
    most = (0 if _has_one(situation, held) else 1) if definition.one_per_node else len(vacant)
    may_be_here = (number for number in vacant if tied.get(number, node) == node)
    preferred = [number for number in may_be_here if _has_precedence(situation, definition, number, now)]
    waiting = [number for number in vacant if number in tied and number not in preferred]
    home = at_home(situation, definition, [number for number in waiting if tied[number] == node])
    held[node] += len(preferred)
    held.update(tied[number] for number in waiting)
    places = _places(situation, definition, set(vacant).difference(preferred, waiting), held, now)
    due = {number: since.get(number, now) for number in preferred}
    due |= {number: _claimable_from(situation.placing, number, 0, now) for number in home}
    due |= {number: _claimable_from(situation.placing, number, place, now) for place, number in places}
    return dict(islice(due.items(), most))


def _places(
    situation: Situation, definition: Definition, numbers: Collection[int], held: Mapping[str, int], now: float
) -> list[tuple[int, int]]:
    """
    Return how many nodes should take each of these free instances before this node, and its number; the best first. An
    instance that this node may not take is left out.

    :param held: how many instances of the service each node has, or is going to have whatever the ranking says.
    """
    if situation.here.cordoned or _lacks_port(situation, definition):
        return []
    ranking = rank(numbers, definition, held, situation.placing.offered, failing_now(situation, now))
    places = ((ranking.place(number, situation.here.node), number) for number in ranking.first)
    return sorted((place, number) for place, number in places if place is not None)


def _claimable_from(placing: Placing, number: int, place: int, now: float) -> float:
    """Return the time from which this node may claim an instance that ``place`` nodes should take before it."""
    until = max(placing.adopt_until, placing.own_share_until) if place else placing.adopt_until
    return max(placing.free_since.get(number, now), until) + place * CLAIM_DELAY


def _has_one(situation: Situation, held: Mapping[str, int]) -> bool:
    """Return whether this node has an instance of the service, or prepares one, or may have got it by a write."""
    unanswered = situation.claims.unanswered  # Note [An answer that was lost] in ``planning.plan``
    return bool(held.get(situation.here.node) or unanswered)


def _lacks_port(situation: Situation, definition: Definition) -> bool:
    """
    Return whether an instance that this node has claimed fixes a host port that this one needs. The ranking does not
    say: it may leave such a claim out, by Note [A wave] in ``placing.wave``.
    """
    if not definition.container.host_ports:
        return False
    here = next((one for one in situation.placing.candidates if one.name == situation.here.node), None)
    return here is not None and not has_ports(definition, here)


def _has_precedence(situation: Situation, definition: Definition, number: int, now: float) -> bool:
    """See Note [Precedence]."""
    containers = situation.host.containers.get(number, ())
    return any(_gives_precedence(situation, definition, container, now) for container in containers)


def _gives_precedence(situation: Situation, definition: Definition, container: ContainerState, now: float) -> bool:
    """See Note [Precedence]."""
    if container.running:
        return container.id not in situation.host.stopping
    here, attempts = situation.here, situation.attempts(container.instance, container.definition)
    return (
        container.status is Status.EXITED
        and container.definition == definition.digest
        and not here.cordoned
        and bool(able(definition, [Candidate(here.node, here.labels, 0, allow=here.allow, keys=here.keys)]))
        and not _lacks_port(situation, definition)
        and attempts.count <= 1
        and attempts.retry_at <= now
    )


def vacant(situation: Situation, now: float) -> Iterator[Step | Wait]:
    """Prepare to take over instances that leave their owners, in the order of the same ranking."""
    here = situation.here
    if situation.service is None or not here.may_claim or here.cordoned or situation.service.definition.at_most_one:
        return
    definition = situation.service.definition
    leavers = _leavers(situation, definition)
    if not leavers:
        return
    held = held_by_node(situation.claims.owners, situation.claims.successors)
    if definition.one_per_node and (_has_one(situation, held) or _claims_one(situation, definition, now)):
        return
    record = ClaimRecord(node=here.node, addresses=here.addresses)
    due = _due_to_leave(situation, definition, leavers, now)
    for number, at in islice(due.items(), 1 if definition.one_per_node else None):
        yield TakeSuccession(InstanceName(situation.name, number), record) if at <= now else Wait(at)


def _due_to_leave(
    situation: Situation, definition: Definition, leavers: Mapping[tuple[str, bool], list[int]], now: float
) -> dict[int, float]:
    """
    Return the ``leavers`` that this node may prepare to take over, by number, with the time from which it may; the best
    first. The owners' come one after another: a node counts for the next with what it should take of those before.
    """
    held = held_by_node(situation.claims.owners, situation.claims.successors)
    bad, found = failing_now(situation, now), dict[int, float]()
    for (owner, healthy), numbers in leavers.items():
        able_to = situation.placing.candidates
        if forbidden(definition, owner, able_to):
            able_to = tuple(candidate for candidate in able_to if candidate.name != owner)
        ranking = rank(numbers, definition, held, takers(owner, able_to, held, healthy, bad), bad)
        held.update(ranking.first.values())
        for number in numbers:
            place = ranking.place(number, situation.here.node)
            if place is not None:
                found[number] = situation.placing.free_since.get(number, now) + place * CLAIM_DELAY
    return dict(sorted(found.items(), key=lambda one: (one[1], one[0])))


def _claims_one(situation: Situation, definition: Definition, now: float) -> bool:
    """Return whether this node claims a free instance now, which nobody serves."""
    return any(at <= now for at in _due(situation, definition, now).values())


def _leavers(situation: Situation, definition: Definition) -> dict[tuple[str, bool], list[int]]:
    """
    Return the instances whose owners want another node to take over, without a successor yet, by owner and by whether
    they are healthy: several that one owner gives up are ranked together, or all of them would go to the same node.
    """
    found: dict[tuple[str, bool], list[int]] = {}
    tied = ties(definition, situation.claims.volumes)
    for number, claim in sorted(situation.claims.owners.items()):
        if number in tied:
            continue
        if claim.record.leaving and number not in situation.claims.successors and number <= definition.instances:
            found.setdefault((claim.node, claim.record.healthy), []).append(number)
    return found
