# -*- test-case-name: tests.unit.dns.forwarding.test_forwarded -*-
"""
A message written again with some of its records only, since pointers may lead into those that are left out. Pure.

Owners are compressed. Names in data are written out; RFC 3597 section 4 lists the types whose data may have compressed
names: in records of all other types they must not be.
"""

from __future__ import annotations

from collections.abc import Sequence

from daprdockr.dns.message.names import ROOT, Names, upward
from daprdockr.dns.message.wire import HEADER_SIZE, POINTER, Malformed, RecordAt, skip_name

_ONE = (0, 1)
_NAMES = {
    **dict.fromkeys((2, 3, 4, 5, 7, 8, 9, 12, 39), _ONE),  # NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME
    **dict.fromkeys((6, 14, 17), (0, 2)),  # SOA, MINFO, RP
    **dict.fromkeys((15, 18, 21, 36), (2, 1)),  # MX, AFSDB, RT, KX
    24: (18, 1),  # SIG
    26: (2, 2),  # PX
    30: _ONE,  # NXT
    33: (6, 1),  # SRV
}
"""By type: octets of the data before its names, and how many names there are."""
_FIXED_SIZE = 8
"""Octets of a record's type, class and TTL."""


def rewritten(packet: bytes, question: bytes, records: Sequence[RecordAt]) -> tuple[bytes, tuple[int, ...]]:
    """
    Return the octets of a message behind its header, with these of its records, and the places of their TTLs in the
    message.

    :raises Malformed: a name is impossible.
    """
    names = Names(packet)
    octets = bytearray(HEADER_SIZE) + question
    offsets: dict[bytes, int] = {}
    _remember(offsets, question[:-4], ROOT, HEADER_SIZE)
    places = []
    for record in records:
        _write_owner(octets, offsets, names.at(record.start))
        places.append(len(octets) + 4)
        octets += packet[record.ttl_at - 4 : record.ttl_at - 4 + _FIXED_SIZE]
        data = _data(packet, names, record)
        octets += len(data).to_bytes(2) + data
    return bytes(octets[HEADER_SIZE:]), tuple(places)


def _write_owner(octets: bytearray, offsets: dict[bytes, int], name: bytes) -> None:
    """Write a name; the longest end of it that was written before is a pointer to there."""
    known = next((end for end in upward(name) if end in offsets), ROOT)
    start = len(octets)
    octets += name[: len(name) - len(known)]
    octets += ROOT if known == ROOT else (POINTER | offsets[known]).to_bytes(2)
    _remember(offsets, name, known, start)


def _remember(offsets: dict[bytes, int], name: bytes, known: bytes, start: int) -> None:
    """Record where the ends of a name that are longer than the ``known`` one have been written."""
    for end in upward(name):
        place = start + len(name) - len(end)
        if len(end) > len(known) and place < 0x4000:
            offsets[end] = place


def _data(packet: bytes, names: Names, record: RecordAt) -> bytes:
    prefix, count = _NAMES.get(record.type, (0, 0))
    place = record.data + prefix
    parts = [packet[record.data : place]]
    for _ in range(count):
        if place >= record.end:
            raise Malformed("a name is missing in a record")
        parts.append(names.at(place))
        place = skip_name(packet, place)
    if place > record.end:
        raise Malformed("a name goes beyond its record")
    return b"".join([*parts, packet[place : record.end]])
