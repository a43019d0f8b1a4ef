"""
A client's query, parsed from its bytes.

``twisted.names.dns.Message.decode`` is not used: it joins labels by dots (so that the one label ``1.web`` and the two
labels ``1`` and ``web`` become the same name), takes a packet that ends too early for a whole one, and knows no EDNS.
This module decides nothing about the answer.
"""

from __future__ import annotations

import struct

from attrs import frozen

from daprdockr.dns.message.records import OPT
from daprdockr.dns.message.wire import CD, DO, HEADER, HEADER_SIZE, QR, RD, Malformed, walk

MAX_NAME = 255
"""Octets of a name, its length octets and the root included (RFC 1035 section 2.3.4)."""
PLAIN_SIZE = 512
EDNS_SIZE = 1232
"""
The size that we announce, and the most that we send, over UDP: it fits every path without fragments (DNS flag day
2020).
"""


@frozen
class Header:
    """The first twelve octets of a query (RFC 1035 section 4.1.1); flags as in RFC 4035 section 3."""

    id: int
    opcode: int
    recursion_desired: bool
    checking_disabled: bool


@frozen
class Question:
    """
    The one question. ``labels`` and ``wire`` (the whole question section) are in their original case, ``lowered`` are
    the labels as names are compared: ASCII letters in lower case (RFC 4343).
    """

    labels: tuple[bytes, ...]
    lowered: tuple[bytes, ...]
    type: int
    klass: int
    wire: bytes


@frozen
class Edns:
    """The client's OPT record (RFC 6891); its options and unknown flags do not count."""

    version: int
    size: int
    dnssec_ok: bool


@frozen
class Query:
    """A whole query. ``limit`` is the most octets that its client may be sent in a datagram, whatever it announces."""

    header: Header
    question: Question
    edns: Edns | None
    limit: int = EDNS_SIZE

    @property
    def datagram_limit(self) -> int:
        """The octets of the largest datagram to send back."""
        wanted = PLAIN_SIZE if self.edns is None else max(PLAIN_SIZE, self.edns.size)
        return min(wanted, self.limit)


def read_header(packet: bytes) -> Header | None:
    """
    Return the header, or None when the packet is no query: too short, or itself an answer, which must never be
    answered.
    """
    if len(packet) < HEADER_SIZE:
        return None
    identity, flags = struct.unpack_from("!HH", packet)
    if flags & QR:
        return None
    return Header(identity, flags >> 11 & 15, bool(flags & RD), bool(flags & CD))


def read_query(packet: bytes, header: Header) -> Query:
    """
    Parse the rest of a query with opcode QUERY.

    :raises Malformed: it has not exactly one question, more than one OPT, or other octets than it announces.
    """
    questions, *counts = HEADER.unpack_from(packet)[2:]
    if questions != 1:
        raise Malformed("not one question")
    question, at = _read_question(packet)
    edns = None
    for record in walk(packet, at, tuple(counts)):
        if record.type == OPT:
            if edns is not None or record.section != 2 or packet[record.start] != 0:
                raise Malformed("more than one OPT record, or a misplaced one")
            version = record.ttl >> 16 & 255
            edns = Edns(version, record.klass, bool(record.ttl & DO))
        at = record.end
    if at != len(packet):
        raise Malformed("octets after the end")
    return Query(header, question, edns)


def _read_question(packet: bytes) -> tuple[Question, int]:
    """Parse the question. A first name cannot be compressed: there is nothing before it to point at."""
    labels = []
    at = HEADER_SIZE
    while at < len(packet) and (length := packet[at]):
        if length > 63:
            raise Malformed("compressed name in a question")
        labels.append(packet[at + 1 : at + 1 + length])
        at += 1 + length
    end = at + 5
    if at + 1 - HEADER_SIZE > MAX_NAME or end > len(packet):
        raise Malformed("question too long or cut")
    kind, klass = struct.unpack_from("!HH", packet, at + 1)
    if kind == OPT:
        raise Malformed("a question for OPT")
    lowered = tuple([label.lower() for label in labels])
    return Question(tuple(labels), lowered, kind, klass, packet[HEADER_SIZE:end]), end
