"""
The proxy's messages, as bytes in and bytes out: the question to an upstream, its reply, what a client gets of it.

A reply is never taken apart into records: it is checked, its OPT record is cut off (that one is between us and
the upstream, RFC 6891 section 6.1.1), its TTLs are found, and the rest goes on as it came.
"""

from __future__ import annotations

import struct

from attrs import frozen

from daprdockr.dns.query import EDNS_SIZE, Query
from daprdockr.dns.records import FORMERR, NOERROR, NOTIMP, NXDOMAIN, OPT, REFUSED, SERVFAIL, SOA
from daprdockr.dns.response import STREAM_LIMIT, flags, opt
from daprdockr.dns.wire import AD, CD, DO, HEADER, HEADER_SIZE, OPCODE, QR, RD, TC, Malformed, RecordAt, walk

_FLAGS = struct.Struct("!H")
"""The second word of a header."""


@frozen
class Asked:
    """
    All of a client's query that an upstream is told, and so all that its reply depends on.

    ``question`` is the question section in lower case, ``flags`` the RD, AD and CD bits of the header.
    """

    question: bytes
    flags: int
    dnssec_ok: bool

    @classmethod
    def of(cls, query: Query) -> Asked:
        header, wire = query.header, query.question.wire
        flags = (RD if header.recursion_desired else 0) | (CD if header.checking_disabled else 0)
        flags |= AD if header.authentic_data else 0
        # Why lower() on bytes is safe here: length octets are below 64, and type and class are kept out of it.
        question = wire[:-4].lower() + wire[-4:]
        return cls(question, flags, query.edns is not None and query.edns.dnssec_ok)

    def message(self, identity: int, *, edns: bool) -> bytes:
        """
        The question as bytes, with OPT unless the upstream can not read it.

        The client's own OPT never goes on: its options (cookies, its network) are between it and us.
        """
        header = HEADER.pack(identity, self.flags, 1, 0, 0, 1 if edns else 0)
        ttl = DO if self.dnssec_ok else 0
        return header + self.question + (struct.pack("!BHHIH", 0, OPT, EDNS_SIZE, ttl, 0) if edns else b"")

    def unanswered(self) -> Reply:
        """What stands in for the reply of upstreams that gave none."""
        return Reply(HEADER.pack(0, QR | SERVFAIL, 1, 0, 0, 0) + self.question, SERVFAIL, cut=False)


def answers(message: bytes, packet: bytes) -> bool:
    """Whether ``packet`` is a reply to ``message``: same id, opcode and question (RFC 5452 section 9.1)."""
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
    An upstream's reply without its OPT record.

    ``packet`` has the header, the question (or, of a server that repeated none, nothing) and the records;
    ``ttl_places`` are where TTLs stand in it; ``lifetime`` is how many seconds it may be kept, 0 for not at all.
    """

    packet: bytes
    rcode: int
    cut: bool
    ttl_places: tuple[int, ...] = ()
    lifetime: int = 0
    edns: bool = False

    @property
    def failed(self) -> bool:
        """Whether another upstream may know better."""
        return self.rcode not in (NOERROR, NXDOMAIN)


def read_reply(packet: bytes) -> Reply:
    """
    Read a reply that ``answers`` its question.

    :raises Malformed: when its records do not fit into it, or its response code is one of EDNS (we ask for none).
    """
    _, word, questions, *counts = HEADER.unpack_from(packet)
    if questions == 0:
        return Reply(packet[:4] + struct.pack("!4H", 1, 0, 0, 0), word & 15, cut=False)
    kept, edns = _records(packet, tuple(counts))
    end = kept[-1].end if kept else HEADER_SIZE + len(_question(packet))
    sections = [sum(1 for record in kept if record.section == section) for section in range(3)]
    clean = packet[:4] + struct.pack("!4H", 1, *sections) + packet[HEADER_SIZE:end]
    cut = bool(word & TC)
    lifetime = 0 if cut else _lifetime(packet, word & 15, kept)
    return Reply(clean, word & 15, cut, tuple(record.ttl_at for record in kept), lifetime, edns)


def fit(packet: bytes, query: Query, *, stream: bool) -> bytes:
    """What the client of ``query`` gets of a reply's packet: its id, case, OPT, and TC if it is too long."""
    said = _FLAGS.unpack_from(packet, 2)[0]
    word = flags(query.header, said & 15, recursion=True) | said & (AD | TC)
    tail = opt(query, 0)
    limit = STREAM_LIMIT if stream else query.datagram_limit
    wire = query.question.wire
    counts: list[int] = list(HEADER.unpack_from(packet)[3:])
    rest = packet[HEADER_SIZE + len(wire) :]
    if HEADER_SIZE + len(wire) + len(rest) + len(tail) > limit or (said & TC and not stream):
        word, counts, rest = word | TC, [0, 0, 0], b""
    counts[2] += 1 if tail else 0
    return HEADER.pack(query.header.id, word, 1, *counts) + wire + rest + tail


def _question(packet: bytes) -> bytes:
    """The question section of a packet that has one, with a name that is not compressed."""
    at = HEADER_SIZE
    while at < len(packet) and packet[at]:
        at += 1 + packet[at]
    return packet[HEADER_SIZE : at + 5]


def _records(packet: bytes, counts: tuple[int, ...]) -> tuple[list[RecordAt], bool]:
    """
    The records before OPT, and whether there is one.

    What follows an OPT is additional and is dropped with it: cutting it out of the middle would move octets
    that compression pointers behind it point at.
    """
    kept: list[RecordAt] = []
    edns = False
    for record in walk(packet, HEADER_SIZE + len(_question(packet)), counts):
        if record.type == OPT:
            if record.section != 2 or record.ttl >> 24:
                raise Malformed("a misplaced OPT record, or an extended response code")
            edns = True
        elif not edns:
            kept.append(record)
    return kept, edns


def _lifetime(packet: bytes, rcode: int, records: list[RecordAt]) -> int:
    """RFC 2308 section 5: the smallest TTL; a negative answer also lives by its SOA, and not without one."""
    ttls = [record.ttl if record.ttl < 2**31 else 0 for record in records]
    soas = [record for record in records if record.section == 1 and record.type == SOA]
    ttls += [struct.unpack_from("!I", packet, record.end - 4)[0] for record in soas]
    negative = rcode == NXDOMAIN or not any(record.section == 0 for record in records)
    if rcode not in (NOERROR, NXDOMAIN) or not ttls or (negative and not soas):
        return 0
    return min(ttls)
