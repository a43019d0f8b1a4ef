"""
A request to the Docker Engine whose body is sent as it comes, without a thread: Note [A stream has no thread] in
``streams``.
"""

from __future__ import annotations

from typing import Any

from daprdockr.engine.streams import EngineAnswer, EngineStreams

# ruff: noqa: N802  names of Twisted's


class EngineUpload(EngineAnswer):
    """
    The body goes in chunks (RFC 9112, 7.1), because nobody knows its length before; ``began`` fires when the Engine has
    taken all of it, and fails if it refuses, perhaps in the middle.
    """

    _is_fed = False

    def feed_from(self, producer: Any) -> None:
        super().feed_from(producer)
        self._is_fed = True

    def write(self, data: bytes) -> None:
        if data:
            super().write(b"%x\r\n" % len(data) + data + b"\r\n")

    def end_input(self) -> None:
        """Say that this was all. The connection stays open in both directions: an end of one would be a client lost."""
        if not self._closed:
            self._unfeed()
            self.transport.write(b"0\r\n\r\n")

    def readConnectionLost(self) -> None:
        if not self._closed:
            self._unfeed()  # what else is to be sent goes nowhere
        super().readConnectionLost()

    def _unfeed(self) -> None:
        if self._is_fed:
            self._is_fed = False
            self.transport.unregisterProducer()


async def upload(streams: EngineStreams, doing: str, path: str) -> EngineUpload:
    """Begin to put something at a path of the Engine's API. :raises EngineError: the Engine is not there."""
    head = (
        "Host: docker",
        "Connection: close",
        "Content-Type: application/x-tar",
        "Transfer-Encoding: chunked",
        "",
        "",
    )
    found = EngineUpload("\r\n".join((f"PUT {path} HTTP/1.1", *head)).encode(), doing)
    await streams.connect(found, doing)
    return found
