"""
Instances that have data on the disk of one node, and so run nowhere else.

Note [Tied to a node]
    Before the owner of an instance creates a container with named volumes, it writes into etcd that these are on its
    node (``keeping.recording``). From then on no other node claims the instance, whatever becomes of the first: it
    would start with an empty volume. It waits, without limit, and after ``Placement.WaitForVolume`` seconds an event
    and the record say so; only a person moves it, by writing another node into the record. The record is compared by
    the claim that depends on it, so a person and a node, or two nodes, never decide by different records.

    An instance that is scaled down keeps its record, and has its data when it comes back; with the service the records
    go. A definition that names none of the recorded volumes any more ties nothing.

    A record that cannot be read ties an instance to ``UNKNOWN``, so that no node claims it. Where a container of it
    runs with the volume the data is evidently: that node claims it, or goes on with it, and overwrites the record.
    Otherwise a person names the node.
"""

from __future__ import annotations

from collections.abc import Mapping

from daprdockr.model.stored.revisioned import StoredVolumes
from daprdockr.model.wanted.definition import Definition


def ties(definition: Definition, volumes: Mapping[int, StoredVolumes]) -> dict[int, str]:
    """Return, by the number of each instance that is tied to a node, that node: Note [Tied to a node]."""
    return {number: node for number, stored in volumes.items() if (node := tie(definition, stored))}


def tie(definition: Definition, stored: StoredVolumes | None) -> str:
    """Return the node to which an instance with this record is tied; "" if it is not."""
    kept = definition.container.kept_volumes
    if stored is None or not kept:
        return ""
    if stored.record.is_readable and set(kept).isdisjoint(stored.record.volumes):
        return ""
    return stored.record.node
