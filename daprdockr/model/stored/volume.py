# -*- test-case-name: tests.unit.model.stored.test_volume -*-
"""
The record of where the data of an instance is: its node, and the named volumes that it has there.

It stands under no lease, because it outlives its node's. Its key lies below that of the claim, so that one watch brings
both in etcd's order: a node that sees an instance become free has seen before where its data is.
"""

from __future__ import annotations

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.members import Members, all_members, decode_members, encode_members
from daprdockr.model.names import InstanceName


@frozen(order=True)
class VolumeKey:
    """The key of the record of an instance's volumes."""

    instance: InstanceName


@frozen
class VolumeRecord:
    """
    ``node`` has the ``volumes`` of an instance, by their names there. ``overdue``: the instance has waited for that
    node longer than its definition's ``WaitForVolume``, and people were notified.
    """

    node: str
    volumes: tuple[str, ...]
    overdue: bool = False

    @property
    def is_readable(self) -> bool:
        return self.node != UNKNOWN

    @classmethod
    def decode(cls, data: bytes) -> VolumeRecord:
        """:raises BadInput: if ``data`` is not such a record."""
        return cls(**decode_members(data, _MEMBERS, ("Node", "Volumes")))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _MEMBERS) | {"Volumes": list(self.volumes)})


UNKNOWN = "?"
"""In the place of a node whose name cannot be read; no node has this name."""

UNREADABLE = VolumeRecord(UNKNOWN, ())
"""It stands for a record that cannot be read: which node has the data is not known, and any may."""


_MEMBERS: Members = {
    "Node": ("node", reading.node_name),
    "Volumes": ("volumes", reading.texts),
    "Overdue": ("overdue", reading.boolean),
}
