# -*- test-case-name: tests.unit.model.stored.test_slot -*-
"""The record of a slot of a rollout: the right of a node to replace the container of one instance."""

from __future__ import annotations

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.members import Members, all_members, decode_members, encode_members
from daprdockr.model.names import InstanceName


@frozen
class SlotRecord:
    """``node`` replaces the container of ``instance`` by one of the definition with that digest."""

    node: str
    instance: InstanceName
    definition: str

    @classmethod
    def decode(cls, data: bytes) -> SlotRecord:
        """:raises BadInput: if ``data`` is not a slot's record."""
        return cls(**decode_members(data, _MEMBERS, required=_MEMBERS))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _MEMBERS) | {"Instance": str(self.instance)})


def _instance(value: object, path: str) -> InstanceName:
    return InstanceName.parse(reading.text(value, path))


_MEMBERS: Members = {
    "Node": ("node", reading.node_name),
    "Instance": ("instance", _instance),
    "Definition": ("definition", reading.text),
}
