# -*- test-case-name: tests.unit.dns.message.test_query,tests.unit.dns.forwarding.test_forwarded -*-
"""
The frame of a DNS message (RFC 1035 section 4): header, and where records start and end, without their content.

No pointer is ever followed, so the cost of a walk is that of the packet's length whatever is in it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from attrs import frozen

HEADER = struct.Struct("!6H")
HEADER_SIZE = HEADER.size
FIXED = struct.Struct("!HHIH")
POINTER = 0xC000
"""The bits that make two octets a pointer to an offset (RFC 1035 section 4.1.4)."""

# Bits of the second 16-bit word of the header (RFC 1035 section 4.1.1, RFC 4035 section 3); DO lies in the TTL of OPT
# (RFC 3225).
QR = 0x8000
OPCODE = 0x7800
AA = 0x0400
TC = 0x0200
RD = 0x0100
RA = 0x0080
AD = 0x0020
CD = 0x0010
DO = 0x8000


class Malformed(Exception):
    """The octets are no DNS message; never leaves the room."""


@frozen
class RecordAt:
    """
    A record by its place: it lies from ``start`` to ``end``, its data from ``data`` on.

    ``section`` is 0 (answer), 1 (authority) or 2 (additional); ``ttl_at`` is the place of its TTL.
    """

    section: int
    type: int
    klass: int
    ttl: int
    start: int
    ttl_at: int
    data: int
    end: int


def walk(packet: bytes, at: int, counts: tuple[int, ...]) -> Iterator[RecordAt]:
    """
    Yield the records of the three sections from ``at`` on; ``counts`` is how many each section has.

    :raises Malformed: at the first record that does not fit into the packet.
    """
    for section, count in enumerate(counts):
        for _ in range(count):
            start, at = at, skip_name(packet, at)
            data = at + FIXED.size
            if data > len(packet):
                raise Malformed("a record is cut")
            kind, klass, ttl, length = FIXED.unpack_from(packet, at)
            record = RecordAt(section, kind, klass, ttl, start, at + 4, data, data + length)
            at = record.end
            if at > len(packet):
                raise Malformed("a record is cut")
            yield record


def skip_name(packet: bytes, at: int) -> int:
    """
    Return the place after the name at ``at``.

    :raises Malformed: it runs out of the packet or uses a label type that does not exist.
    """
    while at < len(packet):
        length = packet[at]
        if length >= 0xC0:
            return at + 2
        if length > 63:
            raise Malformed("a label of an unknown type")
        at += 1 + length
        if not length:
            return at
    raise Malformed("a name is cut")
