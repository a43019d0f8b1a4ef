# -*- test-case-name: tests.unit.cli.commands.test_drain -*-
"""The value of a cordon in etcd: empty, or a record that asks the node to drain."""

from __future__ import annotations

from daprdockr.model import reading
from daprdockr.model.members import Members, decode_members, encode_members


def asks_to_drain(data: bytes) -> bool:
    """
    Return whether a cordon, which may be empty, asks its node to hand over all its instances.

    :raises BadInput: if ``data`` is not a cordon's value.
    """
    return data != b"" and bool(decode_members(data, _MEMBERS).get("drain", False))


def asking_to_drain() -> bytes:
    """Return the value of a cordon that asks its node to hand over all its instances."""
    return encode_members({"Drain": True})


_MEMBERS: Members = {"Drain": ("drain", reading.boolean)}
