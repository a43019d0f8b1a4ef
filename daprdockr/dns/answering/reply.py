# -*- test-case-name: tests.unit.dns.answering.test_absent,tests.unit.dns.test_conformance -*-
"""
From an answer to the bytes of a message.

The records are encoded by ``twisted.names.dns``, each once for as long as it is in use. The message around them is
written here, because ``dns.Message.encode`` is wrong in four ways: it cuts an answer that is too long in the middle of
a record and leaves the counts unchanged, compresses to offsets that a pointer cannot express (above 0x3FFF), writes the
question again from a dotted name, and has no OPT record.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from io import BytesIO
from typing import Any

from twisted.names import dns

from daprdockr.dns.answering.answer import Answer, Owned
from daprdockr.dns.message.query import Query
from daprdockr.dns.message.records import AAAA, IN, NS, PTR, SOA, TXT, A, Data, Soa, Srv
from daprdockr.dns.message.response import STREAM_LIMIT, flags, opt
from daprdockr.dns.message.wire import FIXED, HEADER, HEADER_SIZE, POINTER

_QUESTION = struct.pack("!H", POINTER | HEADER_SIZE)
"""A pointer to the question's name."""
_RECORDS_KEPT = 32768
_SOAS_KEPT = 16


def encode(answer: Answer, query: Query, *, stream: bool, recursion: bool, rotation: int = 0) -> bytes:
    """
    Return the response to ``query``, no longer than its client accepts.

    A set that does not fit is left out whole and TC is set, unless it only was additional (RFC 2181 section 9). Over a
    stream no larger answer could follow, so there the set is cut to the records that fit, without TC; the rotation lets
    every record come first in turn.

    :param recursion: whether this client may have other names forwarded (the RA flag).
    :param rotation: any number; the records of the answer are rotated by it.
    """
    message = _Message(answer, query, stream=stream, recursion=recursion, rotation=rotation)
    return b"".join((message.head, query.question.wire, *message.answers, *message.others))


def rotations(answer: Answer, query: Query, *, recursion: bool, max_octets: int) -> list[bytes]:
    """
    Return everything that ``encode`` can return for a datagram, without the id: one message for each record that may
    come first.

    :param max_octets: the most octets of all together; if there were more, none are returned.
    """
    message = _Message(answer, query, stream=False, recursion=recursion)
    head = message.head[2:] + query.question.wire
    others = b"".join(message.others)
    answers = message.answers
    starts = range(max(1, len(answers)))
    if len(starts) * (len(head) + sum(map(len, answers)) + len(others)) > max_octets:
        return []
    return [b"".join((head, *answers[start:], *answers[:start], others)) for start in starts]


class _Message:
    """A response in parts: ``head`` is its header, ``answers`` are the answer's records, ``others`` all after these."""

    def __init__(self, answer: Answer, query: Query, *, stream: bool, recursion: bool, rotation: int = 0) -> None:
        tail = opt(query, answer.rcode)
        self._labels = query.question.labels
        limit = STREAM_LIMIT if stream else query.datagram_limit
        self._room = limit - HEADER_SIZE - len(query.question.wire) - len(tail)
        self._full = False
        self.answers = self._take(answer.answers, stream, rotation)
        authority = self._take(answer.authority, stream)
        cut = self._full and not stream
        additional = self._take(answer.additional, False)
        self.others = [*authority, *additional, tail]
        word = flags(query.header, answer.rcode, recursion=recursion, authoritative=answer.authoritative, cut=cut)
        counts = len(self.answers), len(authority), len(additional) + (1 if tail else 0)
        self.head = HEADER.pack(query.header.id, word, 1, *counts)

    def _take(self, section: tuple[Owned, ...], piecemeal: bool, rotation: int = 0) -> list[bytes]:
        """Return the records of a section, set by set while they fit."""
        taken: list[bytes] = []
        for owned in () if self._full else section:
            owner, rrset = self._name(owned.owner), owned.rrset
            start = rotation % len(rrset.data)
            data = rrset.data[start:] + rrset.data[:start] if start else rrset.data
            octets = _newest_octets if rrset.type == SOA else _kept_octets
            records = [owner + octets(rrset.type, rrset.ttl, one) for one in data]
            size = sum(map(len, records))
            if size > self._room:
                self._full = True
                return taken + (self._fitting(records) if piecemeal else [])
            self._room -= size
            taken += records
        return taken

    def _fitting(self, records: list[bytes]) -> list[bytes]:
        """Return the first records that fit, given that not all do."""
        count = 0
        while (size := len(records[count])) <= self._room:
            self._room -= size
            count += 1
        return records[:count]

    def _name(self, owner: tuple[bytes, ...]) -> bytes:
        """Return a name; the end that it has in common with the question's name is a pointer to there."""
        asked = self._labels
        if owner is asked:
            return _QUESTION
        common = 0
        for mine, other in zip(reversed(owner), reversed(asked), strict=False):
            if mine.lower() != other.lower():
                break
            common += 1
        own = b"".join(bytes((len(label),)) + label for label in owner[: len(owner) - common])
        if not common:
            return own + b"\0"
        offset = HEADER_SIZE + sum(len(label) + 1 for label in asked[: len(asked) - common])
        return own + struct.pack("!H", POINTER | offset)


def record_octets(kind: int, ttl: int, data: Data) -> bytes:
    """Return a record without its owner; names in it are not compressed (for SRV they must not be, RFC 2782)."""
    octets = BytesIO()
    _payload(kind, ttl, data).encode(octets, None)
    return FIXED.pack(kind, IN, ttl, octets.tell()) + octets.getvalue()


# Cached, because a record occurs again and again, in several sets and orders, and encoding it takes longer than
# everything else. Each change of the zone has an SOA of its own, which nobody asks for after the next one.
_kept_octets = lru_cache(maxsize=_RECORDS_KEPT)(record_octets)
_newest_octets = lru_cache(maxsize=_SOAS_KEPT)(record_octets)


def _payload(kind: int, ttl: int, data: Data) -> Any:
    if isinstance(data, Srv):
        return dns.Record_SRV(data.priority, data.weight, data.port, data.target.encode(), ttl)
    if isinstance(data, Soa):
        times = (data.serial, data.refresh, data.retry, data.expire, data.minimum)
        return dns.Record_SOA(data.mname.encode(), data.rname.encode(), *times, ttl=ttl)
    if kind == TXT:
        return dns.Record_TXT(data.encode(), ttl=ttl)
    return _ADDRESSED[kind](data, ttl)


_ADDRESSED = {A: dns.Record_A, AAAA: dns.Record_AAAA, NS: dns.Record_NS, PTR: dns.Record_PTR}
