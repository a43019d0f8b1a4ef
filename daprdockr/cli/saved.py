# -*- test-case-name: tests.unit.cli.commands.test_backup -*-
"""
A backup of the wishes of people: definitions, files for containers, cordons and pauses, as one JSON document with a
version.

It has no claims, nodes or events, which the agents make anew, no history, and no sealed values: those would be of use
only with the cluster key, and a key that became known to somebody and was replaced would open them still.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.members import encode_members
from daprdockr.model.names import ServiceName, check_label, check_value_name, shorten
from daprdockr.model.reading import parse_json
from daprdockr.model.stored.cordon import asking_to_drain, asks_to_drain
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.files import FileContent
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.mirrored_keys import CordonKey, Named, PauseKey
from daprdockr.model.stored.pause import PauseRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.files import MOST_BYTES

VERSION = 1
MAX_BYTES = 64 * 1024 * 1024
"""The largest backup that is read."""

Wish = Definition | FileContent | PauseRecord | bool
"""A definition, a file, a pause, or a cordon: whether it drains."""


def places(keys: Keys) -> tuple[str, ...]:
    """Return the prefixes of the keys that a backup has."""
    return keys.services, keys.contents, keys.cordon(""), f"{keys.root}pauses/"


def file_name(keys: Keys, key: str) -> str:
    """Return the name of the file whose content a key has; "" for another key."""
    return key.removeprefix(keys.contents) if key.startswith(keys.contents) else ""


def read_entries(keys: Keys, entries: Iterable[Entry]) -> tuple[dict[str, Wish], dict[str, str]]:
    """Return the values by key, and why others cannot be read."""
    found: dict[str, Wish] = {}
    unreadable: dict[str, str] = {}
    for entry in entries:
        try:
            name = keys.read(entry.key)
            if file := file_name(keys, entry.key):
                found[entry.key] = _checked(file, FileContent.decode(entry.value))
            elif name is not None:
                found[entry.key] = _read(name, entry.value)
        except BadInput as error:
            unreadable[entry.key] = str(error)
    return found, unreadable


def _read(name: Named, value: bytes) -> Wish:
    match name:
        case CordonKey():
            return asks_to_drain(value)
        case PauseKey():
            return PauseRecord.decode(value)
        case ServiceName():
            definition = Definition.parse(value)
            if definition.name != name:
                raise BadInput(f"the definition calls itself {definition.name}")
            return definition
    raise BadInput("it is no key of a backup")


def _checked(name: str, file: FileContent) -> FileContent:
    """:raises BadInput: nobody could have set such a file."""
    check_value_name(name, "file")
    if len(file.content) > MOST_BYTES:
        raise BadInput(f"it has more than {MOST_BYTES // 1024} KiB")
    return file


def write_backup(keys: Keys, wishes: Mapping[str, Wish], time: float, by: str) -> dict[str, Any]:
    """Return the document, sorted by name."""
    document: dict[str, Any] = {"Version": VERSION, "Time": time, "By": by, "Services": [], "Cordons": {}, "Pauses": {}}
    document["Files"] = {}
    for key, wish in sorted(wishes.items()):
        match keys.read(key), wish:
            case ServiceName(), Definition():
                document["Services"].append(wish.write())
            case _, FileContent():
                document["Files"][file_name(keys, key)] = base64.b64encode(wish.content).decode()
            case CordonKey(node), bool():
                document["Cordons"][node] = {"Drain": wish}
            case PauseKey(service), PauseRecord():
                document["Pauses"][str(service)] = wish.shown() | {"Page": wish.page}
    return document


def read_backup(keys: Keys, data: bytes) -> dict[str, Wish]:
    """Return what ``write_backup`` wrote, by key. :raises BadInput: it is none, or part of it cannot be used."""
    document = parse_json(data, MAX_BYTES)
    if not isinstance(document, dict) or "Version" not in document:
        raise BadInput("it is no backup: daprdockrcmd backup writes one")
    if document["Version"] != VERSION:
        raise BadInput(f"version {shorten(document['Version'])} of a backup is not known: use a newer daprdockrcmd")
    given = reading.record(document, "", _MEMBERS)
    found: dict[str, Wish] = {}
    for key, wish in _wishes(keys, given):
        if key in found:
            raise BadInput(f"{key} is given twice")
        found[key] = wish
    return found


def _wishes(keys: Keys, given: Mapping[str, Any]) -> Iterator[tuple[str, Wish]]:
    for number, value in enumerate(given.get("Services", ()), 1):
        try:
            definition = Definition.read(value)
        except BadInput as error:
            raise BadInput(f"Services[{number}]: {error}") from None
        yield keys.service(definition.name), definition
    for name, value in given.get("Files", {}).items():
        content = FileContent(reading.octets(value, f"Files.{name}"))
        try:
            yield keys.content(name), _checked(name, content)
        except BadInput as error:
            raise BadInput(f"Files.{name}: {error}") from None
    for node, value in given.get("Cordons", {}).items():
        drains = reading.record(value, f"Cordons.{node}", {"Drain": reading.boolean}).get("Drain", False)
        yield keys.cordon(check_label(node, "node")), drains
    for name, value in given.get("Pauses", {}).items():
        try:
            yield keys.pause(ServiceName.parse(name)), PauseRecord.decode(encode_members(value))
        except BadInput as error:
            raise BadInput(f"Pauses.{name}: {error}") from None


_MEMBERS: Mapping[str, reading.Check[Any]] = {
    "Version": reading.anything,
    "Time": reading.moment,
    "By": reading.author,
    "Services": reading.list_of(reading.anything),
    "Files": reading.map_of(reading.anything),
    "Cordons": reading.map_of(reading.anything),
    "Pauses": reading.map_of(reading.anything),
}


def encoded(wish: Wish) -> bytes:
    """Return the value to store in etcd."""
    if isinstance(wish, bool):
        return asking_to_drain() if wish else b""
    return wish.encode()
