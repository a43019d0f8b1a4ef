"""
Taking instances: those that are free, and those that leave their owners, each node in its turn of the ranking.

Note [Titles]
    A free instance of which this node has a container goes on here if nobody else was quicker: first of all when that
    container runs (the lease ended, and only the claim was lost), and when it does not but could (the whole cluster
    lost its power), unless it failed lately or this node takes no instances. A title needs no ranking and no good
    beats: what runs here, nobody else should begin to run meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from daprdockr.model.definition import Definition
from daprdockr.model.host import ContainerState, Status
from daprdockr.model.names import InstanceName
from daprdockr.model.records import ClaimRecord, State
from daprdockr.model.stored import Claim
from daprdockr.planning.candidates import Candidate, able
from daprdockr.planning.leaving import takers
from daprdockr.planning.placement import rank
from daprdockr.planning.running import Wait
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import Step, TakeClaim, TakeSuccession
from daprdockr.planning.telling import tell

PATIENCE = 1.0
"""Seconds a node waits, per place in the ranking, before it claims what another should have claimed."""


def free(situation: Situation, now: float) -> Iterator[Step | Wait]:
    """Claim free instances: those we have a title to, those we rank first for, and those others left too long."""
    if situation.service is None or not situation.here.may_claim:
        return
    definition, node = situation.service.definition, situation.here.node
    numbers = (n for n in range(1, definition.instances + 1) if n not in situation.claims)
    wanted = [InstanceName(situation.name, number) for number in numbers]
    titles = {i for i in wanted if any(_is_title(situation, definition, c, now) for c in situation.of(i))}
    held = Counter(claim.node for claim in situation.claims.values())
    room = max(0, 1 - held[node]) if definition.placement.one_per_node else len(wanted)
    held[node] += len(titles)
    others = (instance for instance in wanted if instance not in titles)
    ranking = rank(others, definition, held, situation.candidates, _failing(situation))
    places = sorted((place, i) for i in ranking.first if (place := ranking.place(i, node)) is not None)
    for place, instance in [*((0, i) for i in sorted(titles)), *places][:room]:
        due = situation.free_since.get(instance.number, now) + place * PATIENCE
        due = due if instance in titles else max(due, situation.adopt_until)
        # What waits is not made yet: there may be hundreds that others are going to claim.
        yield TakeClaim(instance, tell(situation, instance, definition, now)) if due <= now else Wait(due)


def _is_title(situation: Situation, definition: Definition, container: ContainerState, now: float) -> bool:
    """See Note [Titles]."""
    if container.running:
        return container.id not in situation.stopping
    here, tries = situation.here, situation.tries(container.instance)
    return (
        container.status is Status.EXITED
        and container.definition == definition.digest
        and not here.cordoned
        and bool(able(definition, [Candidate(here.node, here.labels, 0)]))
        and tries.count <= 1
        and tries.retry_at <= now
    )


def _failing(situation: Situation) -> set[str]:
    """The nodes on which an instance of the service does not start, as their claims tell."""
    records = (claim.record for claim in situation.claims.values())
    return {r.node for r in records if r.state is State.BACKING_OFF or (r.state is State.PULLING and r.reason)}


def vacant(situation: Situation, now: float) -> Iterator[Step | Wait]:
    """Prepare to take over instances that leave their owners, in the order of the same ranking."""
    if situation.service is None or not situation.here.may_claim or situation.service.definition.at_most_one:
        return
    definition, node = situation.service.definition, situation.here.node
    held = Counter(c.node for c in (*situation.claims.values(), *situation.successors.values()))
    for claim in _leavers(situation, definition):
        others = takers(claim.node, situation.candidates)
        place = rank([claim.instance], definition, held, others, _failing(situation)).place(claim.instance, node)
        if place is not None:
            due = situation.free_since.get(claim.instance.number, now) + place * PATIENCE
            take = TakeSuccession(claim.instance, ClaimRecord(node=node, addresses=situation.here.addresses))
            yield take if due <= now else Wait(due)


def _leavers(situation: Situation, definition: Definition) -> Iterator[Claim]:
    """The claims whose owners want another to take over, and nobody has begun to."""
    for number, claim in sorted(situation.claims.items()):
        if claim.record.leaving and number not in situation.successors and number <= definition.instances:
            yield claim
