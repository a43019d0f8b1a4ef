# -*- test-case-name: tests.unit.engine.test_execution -*-
"""The output of a command inside a container, which the Engine sends in frames."""

from __future__ import annotations

from attrs import define

from daprdockr.model.last_words import MOST_BYTES

_HEAD = 8
"""Bytes before each piece: the stream that it belongs to, three zeros, and its length in four bytes."""


@define(eq=False)
class OutputEnd:
    """The ``kept`` end of the output, errors among it, of bounded length."""

    kept: bytes = b""
    _head: bytes = b""
    _left: int = 0

    def take(self, received: bytes) -> None:
        """Take what was received next, wherever frames begin and end in it."""
        while received:
            if self._left:
                piece, received = received[: self._left], received[self._left :]
                self._left -= len(piece)
                self.kept = (self.kept + piece[-MOST_BYTES:])[-MOST_BYTES:]
                continue
            missing = _HEAD - len(self._head)
            self._head, received = self._head + received[:missing], received[missing:]
            if len(self._head) == _HEAD:
                self._left, self._head = int.from_bytes(self._head[4:], "big"), b""
