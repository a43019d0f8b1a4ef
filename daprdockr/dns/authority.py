"""
The authority: decides for each packet whether it is answered from the zone, forwarded, refused or dropped.

It is the controller of ``twisted.names``: the same ``DNSServerFactory`` is the factory of the TCP connections
and what the UDP protocols report to. In place of a chain of resolvers it holds one zone, swapped whole, so a
change is in the next answer. It opens no socket of its own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.names import server

from daprdockr.dns import relay
from daprdockr.dns.answer import Answer, answer, in_zone, refused
from daprdockr.dns.forward import Forwarder
from daprdockr.dns.protocols import Datagrams, Streams
from daprdockr.dns.query import Query, read_header, read_query
from daprdockr.dns.records import BADVERS, FORMERR, NOTIMP, REFUSED, SERVFAIL
from daprdockr.dns.reply import encode
from daprdockr.dns.response import bare
from daprdockr.dns.special import answer_special
from daprdockr.dns.wire import Malformed
from daprdockr.dns.zone import Zone

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Way = Datagrams | Streams
"""The protocol a query came by; the answer goes back the same way."""

MAX_CONNECTIONS = 200
_QUERY = 0


@define
class Counts:
    """What came in since the start, and what could not go out."""

    queries: int = 0
    malformed: int = 0
    dropped: int = 0
    refused: int = 0
    unsent: int = 0


class Authority(server.DNSServerFactory):
    """Answers for ``container.``; ``publish`` a zone before it is expected to know a name."""

    log = Logger()
    noisy = False
    protocol = Streams

    def __init__(
        self,
        reactor: Any,
        *,
        forwarder: Forwarder | None,
        allow: Sequence[Network],
        rotation: Callable[[], int],
    ) -> None:
        """
        :param forwarder: who asks upstreams; None when other names are refused.
        :param allow: the networks whose clients may have other names forwarded.
        :param rotation: gives numbers that vary, to rotate answers by. Not a plain counter: a client that asks
            for A and AAAA in turn would then always see the same address first.
        """
        super().__init__()
        self._reactor = reactor
        self._forwarder = forwarder
        self._allow = tuple(allow)
        self._rotation = rotation
        self._zone: Zone | None = None
        self.counts = Counts()

    def publish(self, zone: Zone) -> None:
        """Answer from this zone from now on."""
        self._zone = zone

    def buildProtocol(self, addr: Any) -> Streams:
        return Streams(self, self._reactor)

    def connectionMade(self, protocol: Streams) -> None:
        """Make room for a new connection by ending the oldest: a crowd of idle ones keeps nobody out."""
        super().connectionMade(protocol)
        for oldest in self.connections[:-MAX_CONNECTIONS]:
            oldest.transport.abortConnection()

    def packet_received(self, packet: bytes, way: Way, address: tuple[str, int]) -> None:
        """A packet from a client; one that is no query gets no answer, so no two servers ever talk in circles."""
        header = read_header(packet)
        if header is None:
            self.counts.dropped += 1
            return
        if header.opcode != _QUERY:
            self._send(bare(header, NOTIMP, recursion=self._recursion(address)), way, address)
            return
        try:
            query = read_query(packet, header)
        except Malformed:
            self.counts.malformed += 1
            self._send(bare(header, FORMERR, recursion=self._recursion(address)), way, address)
        else:
            self.messageReceived(query, way, address)

    def messageReceived(self, message: Query, proto: Way, address: Any = None) -> None:
        """A query that could be read."""
        self.counts.queries += 1
        recursion = self._recursion(address)
        result = self._decide(message, recursion)
        if result is None:
            self._forward(message, proto, address)
            return
        if result.rcode == REFUSED:
            self.counts.refused += 1
        packet = encode(result, message, stream=proto.stream, recursion=recursion)
        self._send(packet, proto, address)

    def _decide(self, query: Query, recursion: bool) -> Answer | None:
        """The answer to a query, or None when it has to be forwarded."""
        if query.edns is not None and query.edns.version > 0:
            return Answer(BADVERS)
        if refused(query.question):
            return Answer(REFUSED)
        if in_zone(query.question):
            # Why not an empty zone: a name that we do not know yet must not be told to be absent.
            if self._zone is None:
                return Answer(SERVFAIL)
            return answer(self._zone, query.question, self._rotation())
        if not recursion:
            return Answer(REFUSED)
        return answer_special(query.question)

    def _recursion(self, address: tuple[str, int]) -> bool:
        """Whether a client may have other names forwarded."""
        if self._forwarder is None:
            return False
        client = ipaddress.ip_address(address[0])
        return any(client in network for network in self._allow)

    def _forward(self, query: Query, way: Way, address: tuple[str, int]) -> None:
        assert self._forwarder is not None
        asking: Deferred[bytes | None] = self._forwarder.ask(query)
        asking.addCallback(self._passed_on, query, way, address)
        asking.addErrback(lambda failure: self.log.failure("a reply could not be passed on", failure))

    def _passed_on(self, packet: bytes | None, query: Query, way: Way, address: tuple[str, int]) -> None:
        if packet is None:
            reply = encode(Answer(SERVFAIL), query, stream=way.stream, recursion=True)
        else:
            reply = relay.fit(packet, query, stream=way.stream)
        self._send(reply, way, address)

    def _send(self, packet: bytes, way: Way, address: tuple[str, int]) -> None:
        try:
            way.send(packet, address)
        except OSError:
            self.counts.unsent += 1
