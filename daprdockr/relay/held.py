# -*- test-case-name: tests.unit.relay.test_held,tests.unit.relay.test_streams -*-
"""
How much the relay reads at a time, and holds for connections whose peers do not read.

Note [Held for those that do not read]
    What a peer does not take is held, and the other side of its connection is not read meanwhile: so each side holds
    what one read brought. As long as all together hold less than ``ROOM``, a read may bring ``READ`` bytes, which is
    fastest; then ``LEAST``, so that thousands of peers that stopped reading slow the others down, and fill no memory.
    All that a read brought counts until the last of it is taken, because Python 3.12 and newer keep it for so long.
"""

from __future__ import annotations

READ = 256 * 1024
"""Bytes that one read may bring."""

ROOM = 32 * 1024 * 1024
"""Bytes that all connections hold before reads become short."""

LEAST = 4 * 1024
"""Bytes that one read may bring then."""


class Held:
    """
    The bytes that all connections hold, and the place that they read into. See Note [Held for those that do not read].

    :ivar size: how many bytes are held.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._place = memoryview(bytearray(READ))
        self.size = 0

    def place(self) -> memoryview:
        """Return where the next read belongs."""
        return self._place if self.size < self._room else self._place[:LEAST]

    def taken(self, size: int) -> bytes:
        """Return a copy of so many bytes that the last read brought."""
        return bytes(self._place[:size])
