"""
From an answer to the bytes that are sent.

The records are encoded by ``twisted.names.dns``. The message around them is written here, because
``dns.Message.encode`` is wrong in four ways: it cuts an answer that is too long in the middle of a record and
leaves the counts as they were, compresses to offsets that a pointer can not express (above 0x3FFF), writes the
question anew from a dotted name, and has no OPT record.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from twisted.names import dns

from daprdockr.dns.answer import Answer, Owned
from daprdockr.dns.query import Query
from daprdockr.dns.records import AAAA, NS, A, Data, Soa, Srv
from daprdockr.dns.response import STREAM_LIMIT, flags, opt
from daprdockr.dns.wire import HEADER, HEADER_SIZE

_MAX_POINTER = 0x3FFF


class _Offsets(dict[bytes, int]):
    """Where names stand in the message, as far as a compression pointer (14 bits) reaches."""

    def __setitem__(self, name: bytes, offset: int) -> None:
        if offset <= _MAX_POINTER:
            super().__setitem__(name, offset)


def encode(answer: Answer, query: Query, *, stream: bool, recursion: bool) -> bytes:
    """
    The response to ``query``, no longer than its client can take.

    A set that does not fit is left out whole and TC is set, unless it only was additional (RFC 2181 section 9).
    Over a stream no larger answer could follow, so there the set is cut to the records that fit, without TC;
    the rotation gives every record its turn.

    :param recursion: whether this client may have other names forwarded (the RA flag).
    """
    tail = opt(query, answer.rcode)
    limit = STREAM_LIMIT if stream else query.datagram_limit
    body = _Body(query, limit - HEADER_SIZE - len(tail))
    counts = [body.add(section, stream) for section in (answer.answers, answer.authority)]
    cut = body.full and not stream
    counts.append(body.add(answer.additional, False) + (1 if tail else 0))
    word = flags(query.header, answer.rcode, recursion=recursion, authoritative=answer.authoritative, cut=cut)
    return HEADER.pack(query.header.id, word, 1, *counts) + body.octets() + tail


class _Body:
    """The question and the records after it, in ``room`` octets; ``full`` once something did not fit."""

    def __init__(self, query: Query, room: int) -> None:
        self._octets = BytesIO()
        self._octets.write(query.question.wire)
        self._offsets = _Offsets(_suffixes(query.question.labels))
        self._room = room
        self.full = False

    def add(self, section: tuple[Owned, ...], piecemeal: bool) -> int:
        """Write the sets of a section while they fit; returns the number of records written."""
        written = 0
        for owned in () if self.full else section:
            mark, count = self._octets.tell(), 0
            for data in owned.rrset.data:
                before = self._octets.tell()
                _record(owned, data).encode(self._octets, self._offsets)
                if self._octets.tell() > self._room:
                    self.full = True
                    count, mark = (count, before) if piecemeal else (0, mark)
                    self._octets.seek(mark)
                    self._octets.truncate()
                    return written + count
                count += 1
            written += count
        return written

    def octets(self) -> bytes:
        return self._octets.getvalue()


def _suffixes(labels: tuple[bytes, ...]) -> Iterator[tuple[bytes, int]]:
    """Where each ending of the question's name stands; a label with a dot in it ends them (it has no dotted form)."""
    at = HEADER_SIZE + sum(len(label) + 1 for label in labels)
    name = b""
    for label in reversed(labels):
        if b"." in label:
            return
        at -= len(label) + 1
        name = label + b"." + name if name else label
        yield name, at


def _record(owned: Owned, data: Data) -> dns.RRHeader:
    kind, ttl = owned.rrset.type, owned.rrset.ttl
    return dns.RRHeader(owned.owner, kind, dns.IN, ttl, _payload(kind, ttl, data))


def _payload(kind: int, ttl: int, data: Data) -> Any:
    if isinstance(data, Srv):
        return dns.Record_SRV(data.priority, data.weight, data.port, data.target.encode(), ttl)
    if isinstance(data, Soa):
        times = (data.serial, data.refresh, data.retry, data.expire, data.minimum)
        return dns.Record_SOA(data.mname.encode(), data.rname.encode(), *times, ttl=ttl)
    return _ADDRESSED[kind](data, ttl)


_ADDRESSED = {A: dns.Record_A, AAAA: dns.Record_AAAA, NS: dns.Record_NS}
