"""
The members of a JSON object as one table: for each member its name, the attribute that holds it, and its check.

A person's definition is read strictly (``read_members``): an unknown member is an error. A record that another agent
wrote is read leniently (``known_members``): unknown members are ignored, so that agents of different age read each
other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from daprdockr.model import reading
from daprdockr.model.errors import BadInput

Members = Mapping[str, tuple[str, reading.Check[Any]]]
"""By the member's name in JSON: the name of the attribute, and the check of its value."""


def read_members(value: object, path: str, members: Members, required: Iterable[str] = ()) -> dict[str, Any]:
    """
    Return the members that are given, by attribute; keys match without regard to case, and null counts as not given.

    :param required: members that have no default.
    :raises BadInput: naming the first member that is unknown, unusable or missing.
    """
    given = reading.record(value, path, {key: check for key, (_, check) in members.items()})
    for key in required:
        if key not in given:
            raise BadInput(f"{path}.{key} is missing" if path else f"{key} is missing")
    return {members[key][0]: item for key, item in given.items()}


def known_members(value: object, path: str, members: Members) -> dict[str, Any]:
    """
    Return the members that are known here and given, by attribute; null counts as not given.

    :raises BadInput: if the value is no object, or a known member is unusable.
    """
    if not isinstance(value, dict):
        raise BadInput(f"{path} is not an object")
    return {name: check(value[key], key) for key, (name, check) in members.items() if value.get(key) is not None}


def decode_members(data: bytes, members: Members, required: Iterable[str] = ()) -> dict[str, Any]:
    """
    Read the JSON of a record as ``known_members`` does.

    :param required: members that have no default.
    :raises BadInput: as that, or if it is not JSON, or a required member is missing.
    """
    given = known_members(reading.parse_json(data), "the record", members)
    for key in required:
        if members[key][0] not in given:
            raise BadInput(f"{key} is missing")
    return given


def encode_members(members: Mapping[str, object]) -> bytes:
    """Return the JSON of an object in UTF-8, in one line without spaces."""
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def all_members(part: object, members: Members) -> dict[str, Any]:
    """Return the attributes of ``part`` by the names of their members, in the order of the table."""
    return {key: getattr(part, name) for key, (name, _) in members.items()}


def changed_members(part: object, default: object, members: Members) -> dict[str, Any]:
    """Return those of ``all_members`` whose values are not those of ``default``."""
    plain = all_members(default, members)
    return {key: item for key, item in all_members(part, members).items() if item != plain[key]}
