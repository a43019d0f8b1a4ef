"""A name server on a free port of the loopback address, which answers as a test wants it to."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import dns.flags
import dns.message
import dns.rrset
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol, ServerFactory
from twisted.protocols.basic import Int16StringReceiver

from daprdockr.dns.endpoint import Endpoint

Rule = Callable[[dns.message.Message, bool], list[bytes]]
"""From a query, and whether it came by TCP, to the packets that go back."""


def address_reply(query: dns.message.Message, count: int = 1) -> dns.message.Message:
    """A reply with so many addresses and a TTL of a minute."""
    reply = dns.message.make_response(query, recursion_available=True)
    addresses = [f"10.0.{number // 250}.{number % 250}" for number in range(1, count + 1)]
    reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", *addresses))
    return reply


def plain(query: dns.message.Message, stream: bool) -> list[bytes]:
    """The rule of an ordinary server."""
    return [address_reply(query).to_wire()]


class Upstream(DatagramProtocol):
    """The server; ``queries`` are those that came, with whether by TCP and the client's port."""

    noisy = False
    transport: Any

    def __init__(self, reactor: Any, rule: Rule = plain, address: str = "127.0.0.1", port: int = 0) -> None:
        self.rule = rule
        self.queries: list[tuple[dns.message.Message, bool, int]] = []
        factory = ServerFactory()
        factory.noisy = False
        factory.protocol = lambda: _Connection(self)
        self._stream, self._datagram = self._listen(reactor, factory, address, port)
        self.endpoint = Endpoint(address, self._stream.getHost().port)

    def _listen(self, reactor: Any, factory: ServerFactory, address: str, port: int) -> tuple[Any, Any]:
        """Both on one port; of port 0 one that is free for TCP may be somebody's of UDP, then another one is tried."""
        taken = []
        while True:
            stream = reactor.listenTCP(port, factory, interface=address)
            try:
                return stream, reactor.listenUDP(stream.getHost().port, self, interface=address)
            except CannotListenError:
                taken.append(stream.stopListening())
                if len(taken) == 20:
                    raise

    def answer(self, packet: bytes, stream: bool, port: int) -> list[bytes]:
        query = dns.message.from_wire(packet)
        self.queries.append((query, stream, port))
        return self.rule(query, stream)

    def datagramReceived(self, data: bytes, addr: Any) -> None:
        for packet in self.answer(data, False, addr[1]):
            self.transport.write(packet, addr)

    def stop(self) -> Deferred[Any]:
        """Fires when both sockets are closed; may be called again."""
        return gatherResults([maybeDeferred(port.stopListening) for port in (self._datagram, self._stream)])


class _Connection(Int16StringReceiver):
    transport: Any

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def stringReceived(self, string: bytes) -> None:
        for packet in self._upstream.answer(string, True, self.transport.getPeer().port):
            self.transport.write(struct.pack("!H", len(packet)) + packet)
        self.transport.loseConnection()
