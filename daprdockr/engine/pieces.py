# -*- test-case-name: tests.unit.engine.test_pieces -*-
"""
The Engine's framing of output and errors in one stream, and the lines of a log in it. Knows no connection.

A container or command without a terminal sends pieces: an octet that says which of the two they belong to, three of
nothing, four of length, then the content. With a terminal there is one stream, as it is. In a log each piece is one
line, with the time at which the Engine read it before it, as in RFC 3339 with nanoseconds; one of more than 16 KiB is
divided.
"""

from __future__ import annotations

from collections.abc import Callable

ERRORS = 2
"""The number of the stream of errors."""

OF_ENGINE = 3
"""The number of what the Engine says in a log by itself: that it cannot read on. It has no time before it."""

LONGEST_LINE = 24 * 1024
"""A longer line of a log is cut there; the Engine divides them at 16 KiB."""

_HEAD = 8


class Pieces:
    """
    The content of pieces, handed on as it comes: nothing waits here but an incomplete head.

    :param take: called with the number of the stream and some of its content.
    :param ends: called when a piece has ended.
    """

    def __init__(self, take: Callable[[int, bytes], None], ends: Callable[[], None] = lambda: None) -> None:
        self._take = take
        self._ends = ends
        self._head = b""
        self._stream = 0
        self._left = 0

    def received(self, data: bytes) -> None:
        while data:
            if not self._left:
                wanted = _HEAD - len(self._head)
                self._head, data = self._head + data[:wanted], data[wanted:]
                if len(self._head) < _HEAD:
                    return
                self._stream, self._left = self._head[0], int.from_bytes(self._head[4:])
                self._head = b""
            content, data = data[: self._left], data[self._left :]
            self._left -= len(content)
            if content:
                self._take(self._stream, content)
                if not self._left:
                    self._ends()


class Lines:
    """
    Whole lines out of content that comes in any pieces, each with the line feed behind it.

    :param take: called with the number of the stream and a line.
    """

    def __init__(self, take: Callable[[int, bytes], None]) -> None:
        self._take = take
        self._begun: dict[int, bytes] = {}

    def received(self, stream: int, content: bytes) -> None:
        *whole, rest = (self._begun.pop(stream, b"") + content).split(b"\n")
        for line in whole:
            self._take(stream, line[:LONGEST_LINE] + b"\n")
        if len(rest) > LONGEST_LINE:
            self._take(stream, rest[:LONGEST_LINE] + b"\n")
        elif rest:
            self._begun[stream] = rest

    def end(self) -> None:
        """Hand on what has no line feed behind it."""
        for stream, rest in self._begun.items():
            self._take(stream, rest + b"\n")
        self._begun.clear()
