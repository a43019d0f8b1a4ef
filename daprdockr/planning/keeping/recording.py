# -*- test-case-name: tests.unit.planning.placing.test_tied -*-
"""
The records of where the data of instances is: when this node writes one, notes that an instance still waits for its
node, and deletes one. Note [Tied to a node] in ``planning.placing.tied``.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from daprdockr.model.names import InstanceName
from daprdockr.model.stored.revisioned import Claim
from daprdockr.model.stored.run import MOST_DELETED
from daprdockr.model.stored.volume import VolumeRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.keeping.withdrawing import Wait
from daprdockr.planning.placing.home import tied_elsewhere
from daprdockr.planning.placing.placement import vacancies
from daprdockr.planning.placing.tied import ties
from daprdockr.planning.situation import Situation
from daprdockr.planning.volume_steps import ForgetVolumes, NoteOverdue, RecordVolumes, VolumeStep

TURN = 1.0
"""Seconds after which the next node does what the one before it did not."""


def kept(situation: Situation, claim: Claim, definition: Definition) -> RecordVolumes | None:
    """Return the step by which this node, the owner, writes down that it has the data; None if that is known."""
    volumes, number = definition.container.kept_volumes, claim.instance.number
    if not volumes or tied_elsewhere(situation, number):
        return None
    stored, record = situation.claims.volumes.get(number), VolumeRecord(situation.here.node, volumes)
    if stored is not None and stored.record == record:
        return None
    return RecordVolumes(claim.instance, record, claim.fence, stored.revision if stored is not None else 0)


def keep_books(situation: Situation, now: float) -> Iterator[VolumeStep | Wait]:
    """Yield the next steps about the records of instances that no node has."""
    if not situation.here.may_claim or not situation.claims.volumes:
        return
    if situation.service is None:
        yield from _forget(situation)
    else:
        yield from _note_overdue(situation, situation.service.definition, now)


def _note_overdue(situation: Situation, definition: Definition, now: float) -> Iterator[VolumeStep | Wait]:
    nodes = [one.name for one in situation.placing.candidates]
    place = nodes.index(situation.here.node) if situation.here.node in nodes else len(nodes)
    tied, since = ties(definition, situation.claims.volumes), situation.placing.free_since
    for number in vacancies(definition, situation.claims.owners):
        stored = situation.claims.volumes.get(number)
        if stored is None or number not in tied or stored.record.overdue or number not in since:
            continue
        at = since[number] + definition.placement.wait_for_volume + place * TURN
        record = evolve(stored.record, overdue=True)
        late = NoteOverdue(InstanceName(situation.name, number), record, stored.revision)
        yield late if at <= now else Wait(at)


def _forget(situation: Situation) -> Iterator[VolumeStep]:
    """The node with the data forgets that, or the first of those that are there; a second one finds nothing to do."""
    nodes = [one.name for one in situation.placing.candidates]
    volumes = sorted(situation.claims.volumes.items())
    mine = [n for n, stored in volumes if _forgets(stored.record.node, nodes) == situation.here.node]
    if mine:
        yield ForgetVolumes(InstanceName(situation.name, mine[0]), tuple(mine[:MOST_DELETED]))


def _forgets(node: str, nodes: list[str]) -> str:
    return node if node in nodes else next(iter(nodes), "")
