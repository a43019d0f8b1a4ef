# -*- test-case-name: tests.unit.agent.reconcile.test_rollout_steps,tests.unit.whole.test_failed_rollouts -*-
"""A restart whose image was resolved, and its writes: Note [One image for a restart] in ``model.wanted.pinned``."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from daprdockr.model.stored.entries import Condition, Operation, Put, Unchanged
from daprdockr.model.stored.history import Revision, Revisions
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.revisioned import Service
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.pinned import NEVER, pin
from daprdockr.planning.keeping.judging import former
from daprdockr.planning.rollout_steps import PinImage
from daprdockr.planning.situation import Situation


def pin_first(situation: Situation) -> PinImage | None:
    """Return the step that has to come before any container of a restart, if this node has to take it."""
    service, host = situation.service, situation.host
    if service is None or not service.definition.to_pull or not host.resolved or situation.rollout.unpinned:
        return None
    digest = service.definition.digest
    copies = (one for _, ones in sorted(host.containers.items()) for one in ones if one.definition != digest)
    former = min(copies, key=lambda one: not one.running, default=None)
    return PinImage(situation.name, service.revision, host.resolved, former.id if former is not None else "")


def pinning(
    keys: Keys, history: Revisions, service: Service, step: PinImage, before: str
) -> tuple[Definition, list[Condition], list[Operation]]:
    """
    Return the definition with the image by digest, and the transaction that writes it, and the way back.

    :param before: the digest of the image that the containers from before were made from ("": it is not known).
    """
    stated = service.definition.stated
    definition = evolve(stated, restarted=pin(stated.restarted, stated.container.image, step.digest))
    conditions: list[Condition] = [Unchanged(keys.service(step.service), step.revision)]
    operations: list[Operation] = [Put(keys.service(step.service), definition.encode())]
    for revision, of in _rewritten(history, stated, definition, before):
        key = keys.revision(step.service, revision.number)
        conditions.append(Unchanged(key, revision.modified))
        operations.append(Put(key, evolve(revision.record, definition=of).encode()))
    return definition, conditions, operations


def _rewritten(
    history: Revisions, stated: Definition, definition: Definition, before: str
) -> Iterator[tuple[Revision, Definition]]:
    newest, back = history.newest, former(history, stated)
    if newest is not None and newest.record.definition == stated:
        yield newest, definition
    if back is not None and before:
        of, image = back.record.definition, stated.container.image
        if not of.restarted and of.container.image == image:
            yield back, evolve(of, restarted=pin(NEVER, image, before))
