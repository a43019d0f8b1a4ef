# -*- test-case-name: tests.unit.picture.test_tables -*-
"""Doubts: which nodes do not believe etcd, and what happens to their instances when they resume with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import field, frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.doubts import DoubtRecord
from daprdockr.model.stored.entries import Entry
from daprdockr.picture.extent import number_of_instances
from daprdockr.picture.table import Row


@frozen
class Outcome:
    """The effect on the instances that run on one node that doubts; ``removed`` and ``replaced`` give the reasons."""

    removed: Mapping[str, str] = field(factory=dict)
    replaced: Mapping[str, str] = field(factory=dict)
    kept: tuple[str, ...] = ()
    left_alone: tuple[str, ...] = ()
    """Containers of another etcd: they run on, unclaimed, until their services are defined here."""


def read_doubts(entries: Iterable[Entry], place: str) -> dict[str, DoubtRecord]:
    """Return the reports of nodes that doubt etcd, below the key ``place``, by node."""
    found = {}
    for entry in entries:
        try:
            found[entry.key.removeprefix(place)] = DoubtRecord.decode(entry.value)
        except BadInput:
            continue  # no agent wrote it, so none waits for an answer
    return found


def doubt_row(node: str, record: DoubtRecord, found: Outcome) -> Row:
    return {
        "Node": node,
        "Reason": record.reason,
        "Removed": dict(found.removed),
        "Replaced": dict(found.replaced),
        "Kept": list(found.kept),
        "LeftAlone": list(found.left_alone),
        "Untold": record.unlisted,
    }


def outcome(cluster: ClusterView, node: str, record: DoubtRecord) -> Outcome:
    """Return what happens to a node's instances when it believes ``cluster``."""
    if record.identity != cluster.identity:
        return Outcome(left_alone=tuple(sorted(record.instances)))
    removed, replaced, kept = {}, {}, []
    for name, digest in sorted(record.instances.items()):
        instance = InstanceName.parse(name)
        if reason := _why_removed(cluster, node, instance):
            removed[name] = reason
        elif _is_changed(cluster, instance, digest):
            replaced[name] = f"{instance.service} is defined otherwise"
        else:
            kept.append(name)
    return Outcome(removed, replaced, tuple(kept))


def _why_removed(cluster: ClusterView, node: str, instance: InstanceName) -> str:
    service = cluster.services.get(instance.service)
    if service is None:
        return "" if cluster.is_held(instance.service) else f"{instance.service} is not defined"
    if instance.number > service.definition.instances:
        return f"{instance.service} has {number_of_instances(service.definition.instances)}"
    claim = cluster.claims(instance.service).get(instance.number)
    other = claim is not None and claim.node != node and claim.record.healthy
    return f"it runs on {claim.node}" if claim is not None and other else ""


def _is_changed(cluster: ClusterView, instance: InstanceName, digest: str) -> bool:
    service = cluster.services.get(instance.service)
    return service is not None and service.definition.digest != digest
