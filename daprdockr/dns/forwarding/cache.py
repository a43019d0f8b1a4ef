"""
Cached replies of upstreams, kept as long as their TTLs allow, and, while there is room, a day longer for when upstreams
fail.

Pure: the time, in seconds of a monotonic clock, is passed in. Positive replies live at most an hour, negative ones five
minutes, whatever their TTLs are, failures a second; the least recently used reply is evicted first.

Note [Stale replies]
    An expired reply stays as the second best (RFC 8767): it is returned with a short TTL, and only by a call of its
    own. Any good reply replaces it, even one that must not be cached: a client never gets an upstream's earlier reply
    after its latest.
"""

from __future__ import annotations

import struct
from collections import OrderedDict

from attrs import define

from daprdockr.dns.forwarding.forwarded import Asked, Reply

MAX_POSITIVE = 3600
MAX_NEGATIVE = 300
FAILURE_SECONDS = 1
"""RFC 9520 section 3.2. A client that gets a failure often asks again at once."""
MAX_STALE = 86400
"""Seconds after expiry in which a reply is better than none; RFC 8767 section 5: one to three days."""
STALE_TTL = 30
"""RFC 8767 section 4."""
MAX_OCTETS = 8 * 2**20
OVERHEAD = 600
"""Octets counted for a reply in addition to its packet: the objects around it."""
_TTL = struct.Struct("!I")


@define
class _Kept:
    """A reply; ``failed`` is when upstreams last failed to renew it."""

    reply: Reply
    since: float
    until: float
    failed: float | None = None

    @property
    def octets(self) -> int:
        return len(self.reply.packet) + 8 * len(self.reply.ttl_places) + OVERHEAD


class Cache:
    """Replies by question; bounded by the octets they take."""

    def __init__(self, max_octets: int = MAX_OCTETS) -> None:
        self._max_octets = max_octets
        self._kept: OrderedDict[Asked, _Kept] = OrderedDict()
        self.octets = 0

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, asked: Asked, reply: Reply, now: float) -> None:
        """
        Store a reply if it may be kept; a good reply replaces the earlier one in any case.

        A failure is stored only where there is nothing else: an old reply is better.
        """
        before = self._kept.get(asked)
        if reply.failed and before is not None and not before.reply.failed:
            return
        self._drop(asked)
        lifetime = _lifetime(reply)
        if lifetime <= 0:
            return
        kept = _Kept(reply, now, now + lifetime)
        self._kept[asked] = kept
        self.octets += kept.octets
        while self.octets > self._max_octets:
            self._drop(next(iter(self._kept)))

    def get(self, asked: Asked, now: float) -> bytes | None:
        """Return the packet of a reply that has not expired, each TTL reduced by the seconds it was kept."""
        kept = self._kept.get(asked)
        if kept is None or now >= kept.until:
            return None
        self._kept.move_to_end(asked)
        return _aged(kept.reply, int(now - kept.since), int(kept.until - kept.since))

    def stale(self, asked: Asked, now: float) -> bytes | None:
        """Return the packet of a good reply, expired or not, all its TTLs short: see Note [Stale replies]."""
        kept = self._kept.get(asked)
        if kept is None or kept.reply.failed:
            return None
        if now >= kept.until + MAX_STALE:
            self._drop(asked)
            return None
        self._kept.move_to_end(asked)
        return _stamped(kept.reply)

    def fail(self, asked: Asked, now: float) -> None:
        """Record that upstreams failed to renew a reply; a no-op when none is cached."""
        kept = self._kept.get(asked)
        if kept is not None:
            kept.failed = now

    def failed_for(self, asked: Asked, now: float) -> float | None:
        """Return how many seconds ago ``fail`` was called for the cached reply; None if it never was."""
        kept = self._kept.get(asked)
        return None if kept is None or kept.failed is None else now - kept.failed

    def outdate(self, now: float) -> None:
        """Let every cached reply expire; it counts only when no upstream answers."""
        for asked, kept in list(self._kept.items()):
            if kept.reply.failed:
                self._drop(asked)
            kept.until, kept.failed = min(kept.until, now), None

    def _drop(self, asked: Asked) -> None:
        kept = self._kept.pop(asked, None)
        if kept is not None:
            self.octets -= kept.octets


def _lifetime(reply: Reply) -> int:
    if reply.failed:
        return FAILURE_SECONDS
    return min(reply.lifetime, MAX_NEGATIVE if reply.negative else MAX_POSITIVE)


def _aged(reply: Reply, age: int, lifetime: int) -> bytes:
    """Return the packet with TTLs as of now; no client keeps it longer than we do ourselves."""
    packet = bytearray(reply.packet)
    for place in reply.ttl_places:
        (ttl,) = _TTL.unpack_from(packet, place)
        _TTL.pack_into(packet, place, min(ttl, lifetime) - age)
    return bytes(packet)


def _stamped(reply: Reply) -> bytes:
    packet = bytearray(reply.packet)
    for place in reply.ttl_places:
        _TTL.pack_into(packet, place, STALE_TTL)
    return bytes(packet)
