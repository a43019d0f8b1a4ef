"""
The two protocols of ``twisted.names``, with limits and without a log line per packet.

Both hand raw packets to their controller (``authority``) instead of decoding them with ``dns.Message``, whose faults
``query`` lists. They do not interpret packets.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.error import ConnectionAborted
from twisted.internet.protocol import connectionDone
from twisted.names import dns
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure

MAX_DATAGRAM = 1232
MAX_MESSAGE = 4096
"""Octets of a query over TCP; no honest one has as many."""
IDLE_SECONDS = 10.0
"""Seconds without a whole query after which a connection is closed (RFC 7766 section 6.2.3)."""
READ_OCTETS = 1024
"""
Octets read at once from one connection: with all of them busy, a turn of the reactor stays far shorter than a beat.
"""
SEND_OCTETS = 65536
"""Octets of answers that the kernel keeps for a client that does not read them."""
MAX_UNSENT = 131072
"""Octets of answers that wait in this process for such a client; see ``Streams.send``."""


class Datagrams(dns.DNSDatagramProtocol):
    """DNS over one UDP socket, a datagram at a time; ``batched`` has the same for many."""

    noisy = False
    stream = False

    def datagramReceived(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(data) > MAX_DATAGRAM:
            return
        self.controller.expire_replies()
        replies = self.controller.finished(addr[0]).get(data[2:])
        if replies is None:
            self.controller.packet_received(data, self, addr)
        else:
            self.controller.send_finished(data[:2], replies, self, addr)

    def send(self, packet: bytes, address: tuple[str, int]) -> None:
        """
        Send unless the socket has been closed meanwhile.

        :raises OSError: the kernel does not take it (no route, no buffer, a forged port 0).
        """
        if self.transport is not None:
            self.transport.write(packet, address)


class Streams(dns.DNSProtocol, TimeoutMixin):
    """DNS over one TCP connection; answers leave in the order they are ready (RFC 7766 section 6.2.1.1)."""

    transport: Any
    MAX_LENGTH = MAX_MESSAGE
    stream = True

    def connectionMade(self) -> None:
        self.client = self.transport.getPeer().host
        self.asked_at = self._reactor.seconds()
        self.transport.bufferSize = READ_OCTETS
        self._unsent = 0
        self.transport.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_OCTETS)
        super().connectionMade()
        # A client that asks and never reads must not fill our memory. As the producer of its own transport this
        # protocol stops reading questions while the answers to earlier ones pile up.
        self.transport.registerProducer(self, True)
        self.setTimeout(IDLE_SECONDS)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.setTimeout(None)
        super().connectionLost(reason)

    def stringReceived(self, data: bytes) -> None:
        self.resetTimeout()
        self.asked_at = self._reactor.seconds()
        peer = self.transport.getPeer()
        self.controller.packet_received(data, self, (peer.host, peer.port))

    def lengthLimitExceeded(self, length: int) -> None:
        self.transport.abortConnection()

    def close_now(self) -> None:
        """
        Close within this turn of the reactor; to be called from outside of this connection.

        ``abortConnection`` closes after the turn, and a turn with many new connections would run out of files.
        """
        self.transport.connectionLost(Failure(ConnectionAborted()))

    def timeoutConnection(self) -> None:
        self.transport.abortConnection()

    def resumeProducing(self) -> None:  # noqa: N802  # Twisted's name
        """Read again, because all answers have left."""
        self._unsent = 0
        super().resumeProducing()

    def send(self, packet: bytes, address: Any) -> None:
        """
        Send; a no-op when the connection is gone.

        While answers pile up no question is read, but of those that were read before hundreds may wait for an upstream,
        and each reply may have 64 KiB. A client with so many answers that does not read them is disconnected.
        """
        if self.paused:
            self._unsent += len(packet)
            if self._unsent > MAX_UNSENT:
                self.transport.abortConnection()
                return
        self.sendString(packet)
