# -*- test-case-name: tests.unit.model.known.test_cluster -*-
"""Values read from etcd, together with the revisions and the lease of their keys."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.rollout import RolloutRecord
from daprdockr.model.stored.run import KEPT, MOST_DELETED, MOST_OPEN, RunRecord
from daprdockr.model.stored.slot import SlotRecord
from daprdockr.model.stored.volume import VolumeRecord
from daprdockr.model.wanted.definition import Definition


@frozen
class Service:
    """A definition as stored: ``created`` and ``revision`` are etcd's create and mod revision of its key."""

    definition: Definition
    created: int
    revision: int


@frozen
class Claim:
    """A node's ownership of an instance; ``fence`` is the create revision every later write compares."""

    instance: InstanceName
    record: ClaimRecord
    fence: int
    revision: int
    lease: int

    @property
    def node(self) -> str:
        return self.record.node


@frozen
class Slot:
    """A slot of a rollout, with its number; ``fence`` is the create revision every later write compares."""

    number: int
    record: SlotRecord
    fence: int
    revision: int
    lease: int


@frozen
class StoppedRollout:
    """The stored record of a rollout that did not end well: ``revision`` as for ``Service``."""

    record: RolloutRecord
    revision: int


@frozen
class KnownRun:
    """
    A run of a job, with its number; ``created`` as for ``Service``, and ``revision`` is the mod revision that every
    later write compares.
    """

    number: int
    record: RunRecord
    created: int
    revision: int


@frozen
class StoredVolumes:
    """The record of an instance's volumes; ``revision`` is the mod revision that every later write compares."""

    record: VolumeRecord
    revision: int


def newest_of(runs: Mapping[int, KnownRun]) -> KnownRun | None:
    """Return the run with the highest number; None if there is none."""
    return runs[max(runs)] if runs else None


def is_crowded(runs: Mapping[int, KnownRun]) -> bool:
    """Return whether so many runs wait or go on that no other may be added."""
    return sum(run.record.is_open for run in runs.values()) >= MOST_OPEN


def outdated_runs(runs: Mapping[int, KnownRun], number: int) -> tuple[int, ...]:
    """Return the numbers of the oldest records, which go when run ``number`` is written."""
    old = (one for one, run in runs.items() if one <= number - KEPT and not run.record.is_open)
    return tuple(sorted(old))[:MOST_DELETED]


@frozen
class Node:
    """A node that holds a lease; ``created`` is the create revision of its record."""

    name: str
    record: NodeRecord
    lease: int
    created: int


@frozen
class Broken:
    """
    A value in etcd that cannot be read, or does not count, and the reason. ``ownerless``: any agent may delete it, as
    long as its mod revision is ``revision``.
    """

    key: str
    reason: str
    revision: int
    ownerless: bool = False
