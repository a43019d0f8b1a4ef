"""
Replies of upstreams, kept as long as their TTLs allow and as there is room.

Pure: the time, in seconds of a clock that only goes forward, is passed in. Positive replies live at most an
hour, negative ones five minutes, whatever they say; the one that was used least recently goes first.
"""

from __future__ import annotations

import struct
from collections import OrderedDict

from attrs import frozen

from daprdockr.dns.records import NXDOMAIN
from daprdockr.dns.relay import Asked, Reply
from daprdockr.dns.wire import HEADER

MAX_POSITIVE = 3600
MAX_NEGATIVE = 300
MAX_OCTETS = 8 * 2**20
OVERHEAD = 600
"""Octets counted for a reply beside its packet: the objects around it."""


@frozen
class _Kept:
    reply: Reply
    since: float
    until: float

    @property
    def octets(self) -> int:
        return len(self.reply.packet) + 8 * len(self.reply.ttl_places) + OVERHEAD


class Cache:
    """Replies by what was asked; bounded by the octets they take."""

    def __init__(self, max_octets: int = MAX_OCTETS) -> None:
        self._max_octets = max_octets
        self._kept: OrderedDict[Asked, _Kept] = OrderedDict()
        self.octets = 0

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, asked: Asked, reply: Reply, now: float) -> None:
        """Keep a reply if it may be kept at all."""
        negative = reply.rcode == NXDOMAIN or HEADER.unpack_from(reply.packet)[3] == 0
        lifetime = min(reply.lifetime, MAX_NEGATIVE if negative else MAX_POSITIVE)
        if lifetime <= 0:
            return
        self._drop(asked)
        kept = _Kept(reply, now, now + lifetime)
        self._kept[asked] = kept
        self.octets += kept.octets
        while self.octets > self._max_octets:
            self._drop(next(iter(self._kept)))

    def get(self, asked: Asked, now: float) -> bytes | None:
        """The packet of a reply that still lives, each TTL less by the seconds it was kept."""
        kept = self._kept.get(asked)
        if kept is None:
            return None
        if now >= kept.until:
            self._drop(asked)
            return None
        self._kept.move_to_end(asked)
        return _aged(kept.reply, int(now - kept.since), int(kept.until - kept.since))

    def _drop(self, asked: Asked) -> None:
        kept = self._kept.pop(asked, None)
        if kept is not None:
            self.octets -= kept.octets


def _aged(reply: Reply, age: int, lifetime: int) -> bytes:
    """The packet with TTLs as of now; no client keeps it longer than we do ourselves."""
    packet = bytearray(reply.packet)
    for place in reply.ttl_places:
        (ttl,) = struct.unpack_from("!I", packet, place)
        struct.pack_into("!I", packet, place, min(ttl, lifetime) - age)
    return bytes(packet)
