"""
The last known state as the state directory stores it: a listing of our keys, to JSON and back.

A checksum at its end shows the damage of a failing disk: a single wrong digit would look like another history of etcd,
and begin a doubt that only a person ends. An older agent writes none.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator

from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten
from daprdockr.model.reading import free_text, integer
from daprdockr.model.stored.entries import Entry, Listing

MAX_BYTES = 256 * 1024 * 1024
"""The largest listing that is read."""

_VERSION = 1
_NUMBER = integer(0, 2**64 - 1)
_SUM = re.compile(rb',"Sum":([0-9]{1,10})\}\Z')
_LONGEST_SUM = 20


def encode_listing(listing: Listing) -> Iterator[bytes]:
    """Yield the bytes to store, entry by entry: one long call for a large cluster would block the other threads."""
    total = 0
    for part in _parts(listing):
        total = zlib.crc32(part, total)
        yield part
    yield b',"Sum":%d}' % total


def _parts(listing: Listing) -> Iterator[bytes]:
    head = {"Version": _VERSION, "ClusterId": listing.cluster_id, "Revision": listing.revision}
    yield _json(head).removesuffix(b"}") + b',"Entries":['
    for number, e in enumerate(listing.entries):
        entry = [e.key, base64.b64encode(e.value).decode(), e.create_revision, e.mod_revision, e.lease]
        yield b"," * bool(number) + _json([*entry, e.omitted] if e.omitted else entry)
    yield b"]"


def decode_listing(data: bytes) -> Listing:
    """:raises BadInput: if these bytes are not what ``encode_listing`` wrote."""
    try:
        kept = json.loads(data)
        if kept["Version"] != _VERSION:
            raise BadInput(f"version {shorten(kept['Version'])} of the last known state is not known to this agent")
        if "Sum" in kept and not _is_whole(data):
            raise BadInput("it is damaged, for its checksum is another one")
        return Listing(
            cluster_id=_NUMBER(kept["ClusterId"], "ClusterId"),
            revision=_NUMBER(kept["Revision"], "Revision"),
            entries=tuple(_entry(*entry) for entry in kept["Entries"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(f"it is no last known state: {error}") from None


def _is_whole(data: bytes) -> bool:
    """Return whether the checksum at the end is that of all before it."""
    found = _SUM.search(data, max(0, len(data) - _LONGEST_SUM))
    return found is not None and int(found[1]) == zlib.crc32(memoryview(data)[: found.start()])


def _entry(key: object, value: str, created: object, modified: object, lease: object, omitted: object = "") -> Entry:
    if not isinstance(key, str):
        raise BadInput(f"Entries: {shorten(key)} is no key")
    return Entry(
        key=key,
        value=base64.b64decode(value, validate=True),
        create_revision=_NUMBER(created, "Entries"),
        mod_revision=_NUMBER(modified, "Entries"),
        lease=_NUMBER(lease, "Entries"),
        omitted=free_text(omitted, "Entries"),
    )


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
