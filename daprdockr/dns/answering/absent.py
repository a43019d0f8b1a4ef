"""
Fast path for NXDOMAIN over UDP without EDNS, built without parsing the query.

The replies are those of the general code (``query``, ``decide``, ``reply``), in a fifth of the time; all other queries
are left to it. A flood consists of names that do not exist, because there are always more of them, so no table of
replies helps against it.
"""

from __future__ import annotations

import struct

from daprdockr.dns.answering.reply import record_octets
from daprdockr.dns.message.query import MAX_NAME
from daprdockr.dns.message.records import AAAA, IN, NXDOMAIN, SRV, A
from daprdockr.dns.message.wire import AA, AD, HEADER_SIZE, POINTER, QR, RA, RD
from daprdockr.dns.zone.zone import ZONE, Zone

_FLAGS = (0, RD, AD, RD | AD)
_KINDS = frozenset(struct.pack("!HH", kind, IN) for kind in (A, AAAA, SRV))
"""Type and class of the queries that are answered here."""
_APEX = struct.pack("!B", len(ZONE)) + ZONE.encode() + b"\0"
_END = len(_APEX) + 4
"""Octets at the end of a question of the zone: the zone's name, type and class."""
_MAX_QUESTION = MAX_NAME + 4


class AbsentNames:
    """The names that one zone does not have."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        soa = zone.soa
        self._soa = record_octets(soa.type, soa.ttl, soa.data[0])
        self._heads = {recursion: self._heads_for(RA if recursion else 0) for recursion in (False, True)}

    @staticmethod
    def _heads_for(recursion: int) -> dict[bytes, bytes]:
        """Map the octets of headers behind the id: those of the query to those of its reply."""
        counts = struct.pack("!4H", 1, 0, 1, 0)
        return {
            struct.pack("!5H", word, 1, 0, 0, 0): struct.pack("!H", QR | AA | word & RD | recursion | NXDOMAIN) + counts
            for word in _FLAGS
        }

    def reply(self, packet: bytes, recursion: bool) -> bytes | None:
        """Return the reply to a query for a name that does not exist, or None for any other packet."""
        head = self._heads[recursion].get(packet[2:HEADER_SIZE])
        question = packet[HEADER_SIZE:]
        if head is None or len(question) > _MAX_QUESTION or question[-4:] not in _KINDS:
            return None
        name = question[:-4].lower()
        labels = _labels(name) if name.endswith(_APEX) else None
        if labels is None or self._zone.lookup(labels) is not None:
            return None
        apex = HEADER_SIZE + len(question) - _END
        return b"".join((packet[:2], head, question, struct.pack("!H", POINTER | apex), self._soa))


def _labels(name: bytes) -> tuple[bytes, ...] | None:
    """Return the labels before the zone's, or None if the octets do not end where the zone's name begins."""
    labels = []
    at, end = 0, len(name) - len(_APEX)
    while at < end:
        length = name[at]
        if not 0 < length < 64:
            return None
        labels.append(name[at + 1 : at + 1 + length])
        at += 1 + length
    return tuple(labels) if at == end else None
