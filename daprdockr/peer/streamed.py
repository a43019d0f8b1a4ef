# -*- test-case-name: tests.unit.peer.test_archives,tests.unit.peer.test_commands,tests.unit.peer.test_forwards -*-
"""The part that sessions have in common which send what a stream brings: they read it as fast as their reader does."""

from __future__ import annotations

from daprdockr.engine.byte_stream import ByteStream


class Streamed:
    """An ``OpenSession`` whose subclass sets the stream when it has begun."""

    _stream: ByteStream | None = None

    def pause(self) -> None:
        if self._stream is not None:
            self._stream.pause()

    def resume(self) -> None:
        if self._stream is not None:
            self._stream.resume()

    def gone(self) -> None:
        if self._stream is not None:
            self._stream.close()
