# -*- test-case-name: tests.unit.dns.test_authority -*-
"""The parts of a response that do not depend on the source of the answer: its header, and its OPT record. Pure."""

from __future__ import annotations

import struct

from daprdockr.dns.message.query import EDNS_SIZE, Header, Query
from daprdockr.dns.message.records import NOERROR, OPT
from daprdockr.dns.message.wire import AA, CD, DO, HEADER, QR, RA, RD, TC

STREAM_LIMIT = 65535
"""Octets of the largest message over TCP."""


def flags(header: Header, rcode: int, *, recursion: bool, authoritative: bool = False, cut: bool = False) -> int:
    """Return the second 16-bit word of a response's header; of a long ``rcode`` its low four bits."""
    word = QR | header.opcode << 11 | rcode & 15
    # RFC 4035 section 3.1.6: an authoritative answer is not checked, so it clears CD.
    word |= (RD if header.recursion_desired else 0) | (CD if header.checking_disabled and not authoritative else 0)
    word |= (AA if authoritative else 0) | (TC if cut else 0) | (RA if recursion else 0)
    return word


def bare(header: Header, rcode: int, *, recursion: bool) -> bytes:
    """Return a response of a header alone, to a query that could not be read or is not supported."""
    return HEADER.pack(header.id, flags(header, rcode, recursion=recursion), 0, 0, 0, 0)


def cut(query: Query) -> bytes:
    """Return a response without records, to a datagram whose client should ask again over TCP."""
    tail = opt(query, NOERROR)
    word = flags(query.header, NOERROR, recursion=True, cut=True)
    return HEADER.pack(query.header.id, word, 1, 0, 0, 1 if tail else 0) + query.question.wire + tail


def opt(query: Query, rcode: int) -> bytes:
    """Return our OPT record, if the client sent one (RFC 6891 section 6.1.1): upper bits of ``rcode``, DO copied."""
    if query.edns is None:
        return b""
    ttl = (rcode >> 4) << 24 | (DO if query.edns.dnssec_ok else 0)
    return struct.pack("!BHHIH", 0, OPT, EDNS_SIZE, ttl, 0)
