# -*- test-case-name: tests.unit.peer.test_volumes -*-
"""The named volumes of a node's Docker Engine, as its agent sends them to a command line."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.members import Members, all_members, encode_members, known_members

MOST_VOLUMES = 2000
"""The most volumes of a node that are sent, the first by name."""

MOST_BYTES = 8 * 1024 * 1024
"""The longest answer that is read: a name has 255 characters at most, and several containers may mount a volume."""


@frozen(order=True)
class NodeVolume:
    """A volume, and the instances or other containers that have it mounted."""

    name: str
    users: tuple[str, ...] = ()


def write_volumes(volumes: Iterable[NodeVolume]) -> bytes:
    found = sorted(volumes)[:MOST_VOLUMES]
    return encode_members({"Volumes": [all_members(one, _MEMBERS) | {"Users": list(one.users)} for one in found]})


def read_volumes(data: bytes) -> list[NodeVolume]:
    """:raises BadInput: ``write_volumes`` did not write that."""
    whole = known_members(reading.parse_json(data, MOST_BYTES), "the answer", _ANSWER)
    return list(whole.get("volumes", ()))


def _volume(value: object, path: str) -> NodeVolume:
    return NodeVolume(**{"name": "", **known_members(value, path, _MEMBERS)})


_MEMBERS: Members = {"Name": ("name", reading.text), "Users": ("users", reading.texts)}
_ANSWER: Members = {"Volumes": ("volumes", reading.list_of(_volume))}
