# -*- test-case-name: tests.functional.test_dns_exchange -*-
"""
One question to one upstream, over UDP or TCP, and its reply.

Each UDP question has a socket of its own: the kernel chooses the port at random, and because the socket is connected it
delivers only packets from the upstream's address and port (RFC 5452). Timeouts and the meaning of replies are the
forwarder's; it cancels a question that takes too long.

Note [Lost or late]
    Silence means that a packet was lost, or that the upstream is slow. So the question is sent again from the same
    socket with the same id: a reply to either sending counts, however late, and a forger has no second number to guess.
"""

from __future__ import annotations

import socket
from functools import partial
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.forwarding.forwarded import answers

RESEND_SECONDS = (1.0, 2.0, 4.0)
"""Seconds until a question by UDP is sent again, and then again; see Note [Lost or late]."""
_MAX_READ = 4096
_MAX_STREAM = 4 * 65536
"""The most octets over TCP in which the reply must be found; it has no more than a quarter of them."""


class NoReply(Exception):
    """The upstream cannot be reached, or ended the connection without a reply; never leaves the room."""


class Exchange(Protocol):
    """
    The way in which the forwarder asks. Both methods wait without a timeout, raise NoReply, and release the socket when
    they are cancelled.
    """

    async def over_datagram(self, upstream: Endpoint, message: bytes) -> bytes: ...

    async def over_stream(self, upstream: Endpoint, message: bytes) -> bytes: ...


class SocketExchange:
    """Exchange over real sockets."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    async def over_datagram(self, upstream: Endpoint, message: bytes) -> bytes:
        try:
            asking = _Datagram(self._reactor, upstream, message)
        except OSError as error:
            raise NoReply(str(error)) from error
        try:
            return await asking.reply
        finally:
            asking.close()

    async def over_stream(self, upstream: Endpoint, message: bytes) -> bytes:
        kind = TCP6ClientEndpoint if upstream.ipv6 else TCP4ClientEndpoint
        # The second exception is how an endpoint reports that it was cancelled.
        try:
            connected = await kind(self._reactor, upstream.address, upstream.port).connect(_quiet(message))
        except (ConnectError, ConnectingCancelledError, OSError) as error:
            raise NoReply(str(error)) from error
        assert isinstance(connected, _Stream)
        try:
            return await connected.reply
        finally:
            await connected.close()


@implementer(IReadDescriptor)
class _Datagram:
    """
    A question in progress, and its socket.

    Not a ``DatagramProtocol``: ``listenUDP`` writes two lines into the log for each socket, which would be two for each
    forwarded question.
    """

    def __init__(self, reactor: Any, upstream: Endpoint, message: bytes) -> None:
        """:raises OSError: it cannot be sent; then nothing is left open."""
        self._reactor = reactor
        self._message = message
        self._socket = socket.socket(socket.AF_INET6 if upstream.ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
        self.reply: Deferred[bytes] = Deferred()
        try:
            self._socket.setblocking(False)
            self._socket.connect((upstream.address, upstream.port))
            self._socket.send(message)
        except OSError:
            self._socket.close()
            raise
        reactor.addReader(self)
        self._resending: IDelayedCall | None = None
        self._resend_later(list(RESEND_SECONDS))

    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        return "dns"

    def doRead(self) -> None:
        try:
            packet = self._socket.recv(_MAX_READ)
        except BlockingIOError:
            return
        except OSError as error:
            # An ICMP message: nothing listens there, or there is no route.
            self._fail(str(error))
            return
        if not self.reply.called and answers(self._message, packet):
            self.reply.callback(packet)

    def connectionLost(self, reason: Failure) -> None:
        # Called by reactors that check for errors before they read, and when a reactor ends.
        self._fail("nothing listens there")

    def close(self) -> None:
        if self._resending is not None:
            self._resending.cancel()
        self._reactor.removeReader(self)
        self._socket.close()

    def _resend_later(self, pauses: list[float]) -> None:
        self._resending = self._reactor.callLater(pauses[0], self._resend, pauses[1:]) if pauses else None

    def _resend(self, pauses: list[float]) -> None:
        self._resend_later(pauses)
        try:
            self._socket.send(self._message)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(str(error))

    def _fail(self, reason: str) -> None:
        if not self.reply.called:
            self.reply.errback(NoReply(reason))


def _quiet(message: bytes) -> Factory[_Stream]:
    """Make a ``_Stream``, without the two lines in the log that each connection would bring."""
    factory = Factory.forProtocol(partial(_Stream, message))
    factory.noisy = False
    return factory


class _Stream(Int16StringReceiver):
    transport: Any
    noisy = False

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._octets = 0
        self._lost: Deferred[None] = Deferred()
        self.reply: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.sendString(self._message)

    def dataReceived(self, data: bytes) -> None:
        self._octets += len(data)
        if self._octets > _MAX_STREAM:
            self.transport.abortConnection()
        else:
            super().dataReceived(data)

    def stringReceived(self, string: bytes) -> None:
        if not self.reply.called and answers(self._message, string):
            self.reply.callback(string)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.reply.called:
            self.reply.errback(NoReply("it closed the connection"))
        self._lost.callback(None)

    def close(self) -> Deferred[None]:
        self.transport.abortConnection()
        return self._lost
