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
    return _record(situation, claim, definition.container.kept_volumes)


def adopted(situation: Situation, claim: Claim, definition: Definition) -> RecordVolumes | None:
    """
    Return that step for containers that are here already. One of a former definition has data in those of its volumes
    that this definition names, too; nothing else that is written down of this node is dropped before its turn.
    """
    copies = situation.of(claim.instance)
    if any(copy.definition == definition.digest for copy in copies):
        return kept(situation, claim, definition)
    mounted = {volume for copy in copies for volume in copy.volumes}.intersection(definition.container.kept_volumes)
    stored = situation.claims.volumes.get(claim.instance.number)
    if mounted and stored is not None and stored.record.node == situation.here.node:
        mounted.update(stored.record.volumes)
    return _record(situation, claim, tuple(sorted(mounted)))


def _record(situation: Situation, claim: Claim, volumes: tuple[str, ...]) -> RecordVolumes | None:
    number = claim.instance.number
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
    nodes = sorted(one.name for one in situation.placing.candidates)
    place = nodes.index(situation.here.node) if situation.here.node in nodes else len(nodes)
    tied, since = ties(definition, situation.claims.volumes), situation.placing.free_since
    for number in vacancies(definition, situation.claims.owners):
        stored = situation.claims.volumes.get(number)
        if stored is None or number not in tied or stored.record.overdue or number not in since:
            continue
        if not stored.record.is_readable:  # an event names the key already
            continue
        at = since[number] + definition.placement.wait_for_volume + place * TURN
        record = evolve(stored.record, overdue=True)
        late = NoteOverdue(InstanceName(situation.name, number), record, stored.revision)
        yield late if at <= now else Wait(at)


def _forget(situation: Situation) -> Iterator[VolumeStep]:
    """The node with the data forgets that, or the first of those that are there; a second one finds nothing to do."""
    nodes = sorted(one.name for one in situation.placing.candidates)
    volumes = sorted(situation.claims.volumes.items())
    mine = [n for n, stored in volumes if _forgets(stored.record.node, nodes) == situation.here.node]
    if mine:
        yield ForgetVolumes(InstanceName(situation.name, mine[0]), tuple(mine[:MOST_DELETED]))


def _forgets(node: str, nodes: list[str]) -> str:
    return node if node in nodes else next(iter(nodes), "")
