# -*- test-case-name: tests.unit.engine.test_streams,tests.unit.peer.test_forwards -*-
"""A connection whose directions end by themselves, and that is read only as fast as its reader takes what it brings."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

# ruff: noqa: N802  names of Twisted's


class StreamReader(Protocol):
    """Takes what a stream brings, in the reactor's thread."""

    def received(self, data: bytes) -> None: ...

    def ended(self) -> None:
        """Nothing more comes. The other side may still read until ``close``."""

    def lost(self) -> None:
        """The stream is closed in both directions."""


@implementer(IHalfCloseableProtocol)
class ByteStream(TwistedProtocol):
    """Its reader is set by ``begin``; nothing is read before that."""

    transport: Any
    _reader: StreamReader | None = None
    _over = False
    _closed = False

    def connectionMade(self) -> None:
        self.transport.pauseProducing()

    def begin(self, reader: StreamReader) -> None:
        """Let ``reader`` have everything."""
        self._reader = reader
        self.resume()

    def write(self, data: bytes) -> None:
        if not self._closed:
            self.transport.write(data)

    def feed_from(self, producer: Any) -> None:
        """Pause ``producer`` while what was written is not sent."""
        self.transport.registerProducer(producer, True)

    def end_input(self) -> None:
        """Write no more; the other side reads to the end."""
        if not self._closed:
            self.transport.unregisterProducer()
            self.transport.loseWriteConnection()

    def pause(self) -> None:
        if not self._closed and not self._over:
            self.transport.pauseProducing()

    def resume(self) -> None:
        if not self._closed and not self._over:
            self.transport.resumeProducing()

    def finish(self) -> None:
        """Close it when all is written."""
        if not self._closed:
            self.transport.loseConnection()

    def close(self) -> None:
        """Close it at once; what waits to be written is lost."""
        if not self._closed:
            self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        if self._reader is not None:
            self._reader.received(data)

    def readConnectionLost(self) -> None:
        if not self._over:
            self._over = True
            if self._reader is not None:
                self._reader.ended()

    def writeConnectionLost(self) -> None:
        pass

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.readConnectionLost()
        self._closed = True
        if self._reader is not None:
            self._reader.lost()


class QuietFactory(Factory):
    """Logs no line for its start and end."""

    noisy = False
