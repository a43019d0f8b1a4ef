"""
The forwarder's messages, bytes in and bytes out: the question to an upstream, its reply, and the client's part of it.

A reply is checked, and records that do not belong to its question are left out (``belonging``), with the OPT record,
which is between us and the upstream (RFC 6891 section 6.1.1). AD is passed on in neither direction: it would state that
we proved the answer to be authentic, and we prove nothing (RFC 4035 section 3.2.3). The remaining records are passed on
unchanged but for their TTLs.
"""

from __future__ import annotations

import struct

from attrs import frozen

from daprdockr.dns.forwarding.belonging import Belonging
from daprdockr.dns.message.query import EDNS_SIZE, Query
from daprdockr.dns.message.records import FORMERR, NOERROR, NOTIMP, NXDOMAIN, OPT, REFUSED, SERVFAIL, SOA
from daprdockr.dns.message.response import STREAM_LIMIT, flags, opt
from daprdockr.dns.message.rewrite import rewritten
from daprdockr.dns.message.wire import CD, DO, HEADER, HEADER_SIZE, OPCODE, QR, RD, TC, Malformed, RecordAt, walk

_FLAGS = struct.Struct("!H")
"""The second 16-bit word of a header."""


@frozen
class Asked:
    """
    The part of a client's query that goes to an upstream, on which its reply depends.

    ``question`` is the question section in lower case, ``flags`` the RD and CD bits of the header.
    """

    question: bytes
    flags: int
    dnssec_ok: bool

    @property
    def name(self) -> tuple[tuple[bytes, ...], int]:
        """Return the labels and the type in the question."""
        labels, at = [], 0
        while length := self.question[at]:
            labels.append(self.question[at + 1 : at + 1 + length])
            at += 1 + length
        return tuple(labels), int.from_bytes(self.question[at + 1 : at + 3])

    @classmethod
    def of(cls, query: Query) -> Asked:
        header, wire = query.header, query.question.wire
        flags = (RD if header.recursion_desired else 0) | (CD if header.checking_disabled else 0)
        # lower() on bytes is safe here: length octets are below 64, and type and class are kept out of it.
        question = wire[:-4].lower() + wire[-4:]
        return cls(question, flags, query.edns is not None and query.edns.dnssec_ok)

    def message(self, identity: int, *, edns: bool) -> bytes:
        """
        Return the question as bytes, with OPT unless the upstream cannot read it.

        The client's own OPT is never passed on: its options (cookies, its network) are between it and us.
        """
        header = HEADER.pack(identity, self.flags, 1, 0, 0, 1 if edns else 0)
        ttl = DO if self.dnssec_ok else 0
        return header + self.question + (struct.pack("!BHHIH", 0, OPT, EDNS_SIZE, ttl, 0) if edns else b"")

    def unanswered(self) -> Reply:
        """Return the substitute for the reply of upstreams that gave none."""
        return Reply(HEADER.pack(0, QR | SERVFAIL, 1, 0, 0, 0) + self.question, SERVFAIL, cut=False)


def answers(message: bytes, packet: bytes) -> bool:
    """Return whether ``packet`` is a reply to ``message``: same id, opcode and question (RFC 5452 section 9.1)."""
    if len(packet) < HEADER_SIZE:
        return False
    identity, word, questions, *_ = HEADER.unpack_from(packet)
    asked, *_ = HEADER.unpack_from(message)
    if identity != asked or not word & QR or word & OPCODE:
        return False
    if questions == 0:
        # RFC 8906 section 3.1: a server that could not read the message may repeat its header alone.
        return word & 15 in (FORMERR, NOTIMP, SERVFAIL, REFUSED)
    question = _question(message)
    found = packet[HEADER_SIZE : HEADER_SIZE + len(question)]
    return questions == 1 and found[:-4].lower() == question[:-4] and found[-4:] == question[-4:]


@frozen
class Reply:
    """
    The records of an upstream's reply that belong to its question.

    ``packet`` has the header, the question (or, of a server that repeated none, nothing) and the records;
    ``ttl_places`` are the offsets of TTLs in it; ``lifetime`` is how many seconds it may be cached, 0 for not at all;
    one that is ``negative`` has no record of the type in question, be it that an alias leads nowhere (RFC 2308 section
    2.2).
    """

    packet: bytes
    rcode: int
    cut: bool
    ttl_places: tuple[int, ...] = ()
    lifetime: int = 0
    edns: bool = False
    negative: bool = False

    @property
    def failed(self) -> bool:
        """Whether another upstream may have a better reply."""
        return self.rcode not in (NOERROR, NXDOMAIN)


def was_cut(packet: bytes) -> bool:
    """
    Return whether a reply lacks records for want of room. Its records need not be readable then: some servers cut in
    the middle of one and leave the counts unchanged.
    """
    _, word, questions, *_ = HEADER.unpack_from(packet)
    return bool(word & TC) and questions > 0


def read_reply(packet: bytes) -> Reply:
    """
    Read a reply that ``answers`` its question.

    :raises Malformed: its records do not fit into it, or it has answers and none belongs to its question, or its
        response code is one of EDNS (we ask for none).
    """
    _, word, questions, *counts = HEADER.unpack_from(packet)
    rcode, cut = word & 15, was_cut(packet)
    if questions == 0:
        return Reply(packet[:4] + struct.pack("!4H", 1, 0, 0, 0), rcode, cut=False)
    question = _question(packet)
    records, edns = _records(packet, HEADER_SIZE + len(question), tuple(counts))
    good = rcode in (NOERROR, NXDOMAIN)
    belonging = Belonging(packet, question, records) if good else None
    kept = belonging.records() if belonging is not None else []
    answers, authority = (sum(record.section == section for record in kept) for section in (0, 1))
    if good and counts[0] and not answers and not cut:
        raise Malformed("no record of the answer belongs to the question")
    octets, ttl_places = _without_others(packet, question, records, kept)
    head = packet[:4] + struct.pack("!4H", 1, answers, authority, 0)
    negative = belonging is not None and (rcode == NXDOMAIN or belonging.denies)
    lifetime = 0 if cut or not good else _lifetime(packet, negative, kept)
    return Reply(_with_ttls(head + octets, ttl_places), rcode, cut, ttl_places, lifetime, edns, negative)


def fit(packet: bytes, query: Query, *, stream: bool) -> bytes:
    """Return a reply for the client of ``query``: with its id, case, OPT, and TC if it is too long."""
    received = _FLAGS.unpack_from(packet, 2)[0]
    word = flags(query.header, received & 15, recursion=True) | received & TC
    tail = opt(query, 0)
    limit = STREAM_LIMIT if stream else query.datagram_limit
    wire = query.question.wire
    counts: list[int] = list(HEADER.unpack_from(packet)[3:])
    rest = packet[HEADER_SIZE + len(wire) :]
    if HEADER_SIZE + len(wire) + len(rest) + len(tail) > limit or (received & TC and not stream):
        word, counts, rest = word | TC, [0, 0, 0], b""
    counts[2] += 1 if tail else 0
    return HEADER.pack(query.header.id, word, 1, *counts) + wire + rest + tail


def _question(packet: bytes) -> bytes:
    """Return the question section of a packet that has one, with a name that is not compressed."""
    at = HEADER_SIZE
    while at < len(packet) and packet[at]:
        at += 1 + packet[at]
    return packet[HEADER_SIZE : at + 5]


def _records(packet: bytes, at: int, counts: tuple[int, ...]) -> tuple[list[RecordAt], bool]:
    """Return the records except OPT, and whether there is an OPT."""
    records = list(walk(packet, at, counts))
    opts = [record for record in records if record.type == OPT]
    if any(record.section != 2 or record.ttl >> 24 for record in opts):
        raise Malformed("a misplaced OPT record, or an extended response code")
    return [record for record in records if record.type != OPT], bool(opts)


def _without_others(
    packet: bytes, question: bytes, records: list[RecordAt], kept: list[RecordAt]
) -> tuple[bytes, tuple[int, ...]]:
    """
    Return what follows the header when only these records are kept; mostly they are the first, and the rest is cut off.
    """
    if kept != records[: len(kept)]:
        return rewritten(packet, question, kept)
    end = kept[-1].end if kept else HEADER_SIZE + len(question)
    return packet[HEADER_SIZE:end], tuple(record.ttl_at for record in kept)


def _with_ttls(packet: bytes, places: tuple[int, ...]) -> bytes:
    """Return the packet with 0 for each TTL whose most significant bit is set (RFC 2181 section 8)."""
    negative = [place for place in places if packet[place] & 0x80]
    if not negative:
        return packet
    mended = bytearray(packet)
    for place in negative:
        mended[place : place + 4] = bytes(4)
    return bytes(mended)


def _lifetime(packet: bytes, negative: bool, records: list[RecordAt]) -> int:
    """Return the smallest TTL (RFC 2308 section 5); a negative answer also lives by its SOA, and not without one."""
    ttls = [record.ttl if record.ttl < 2**31 else 0 for record in records]
    soas = [record for record in records if record.section == 1 and record.type == SOA]
    ttls += [struct.unpack_from("!I", packet, record.end - 4)[0] for record in soas]
    if not ttls or (negative and not soas):
        return 0
    return min(ttls)
