# -*- test-case-name: tests.unit.dns.forwarding.test_belonging -*-
"""
The names in a message by their place, compression pointers followed (RFC 1035 section 4.1.4). Pure.

A name is its labels as octets, each behind its length, the root's empty label at the end. A length octet is no letter,
so a whole name may be put into lower case.
"""

from __future__ import annotations

from daprdockr.dns.message.query import MAX_NAME
from daprdockr.dns.message.wire import POINTER, Malformed

ROOT = b"\0"
_POINTS = POINTER >> 8
"""An octet of at least this value is no length but the beginning of a pointer."""


class Names:
    """The names in one packet; each of its octets is read once, however many pointers lead to it."""

    def __init__(self, packet: bytes) -> None:
        self._packet = packet
        self._known: dict[int, bytes] = {}

    def at(self, place: int) -> bytes:
        """
        Return the whole name at ``place``, in its original case.

        :raises Malformed: it leaves the packet, is too long, or has a pointer that does not lead backward.
        """
        known, packet = self._known, self._packet
        passed: list[int] = []
        first = place
        while place not in known:
            if place >= len(packet):
                raise Malformed("a name is cut")
            length = packet[place]
            if not length:
                known[place] = ROOT
                break
            passed.append(place)
            if length < 64:
                place += 1 + length
                continue
            target = self._target(place)
            if target >= first:
                raise Malformed("a pointer that does not lead backward")
            place = first = target
        return self._joined(passed, known[place])

    def _target(self, place: int) -> int:
        if self._packet[place] < _POINTS or place + 2 > len(self._packet):
            raise Malformed("a label of an unknown type, or a pointer that is cut")
        return int.from_bytes(self._packet[place : place + 2]) & ~POINTER

    def _joined(self, passed: list[int], name: bytes) -> bytes:
        packet = self._packet
        for place in reversed(passed):
            if packet[place] < 64:
                name = packet[place : place + 1 + packet[place]] + name
            if len(name) > MAX_NAME:
                raise Malformed("a name is too long")
            self._known[place] = name
        return name


def upward(name: bytes) -> list[bytes]:
    """Return a name and all names above it, the root last."""
    names, place = [], 0
    while name[place]:
        names.append(name[place:])
        place += 1 + name[place]
    return [*names, ROOT]
