"""``daprdockr.dns.forwarding.exchange`` over real sockets of the loopback address."""

from __future__ import annotations

import struct

import dns.message
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.logger import capturedLogs
from twisted.trial.unittest import TestCase

from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.forwarding.exchange import NoReply, SocketExchange
from tests.rig.dns.upstream import Rule, Upstream, address_reply, plain

QUERY = dns.message.make_query("example.com", "A", id=0x1234)
MESSAGE = QUERY.to_wire()


class ExchangeTests(TestCase):
    """``SocketExchange``"""

    timeout = 30

    def setUp(self) -> None:
        self.exchange = SocketExchange(reactor)

    def upstream(self, rule: Rule = plain, address: str = "127.0.0.1") -> Upstream:
        upstream = Upstream(reactor, rule, address)
        self.addCleanup(upstream.stop)
        return upstream

    async def test_datagram(self) -> None:
        """A question by UDP gets the reply of the upstream."""
        upstream = self.upstream()
        packet = await self.exchange.over_datagram(upstream.endpoint, MESSAGE)
        self.assertEqual(address_reply(QUERY).to_wire(), packet)

    async def test_stream(self) -> None:
        """A question by TCP does too."""
        upstream = self.upstream(lambda query, stream: [address_reply(query, 500).to_wire()] if stream else [])
        packet = await self.exchange.over_stream(upstream.endpoint, MESSAGE)
        self.assertEqual(500, len(dns.message.from_wire(packet).answer[0]))

    async def test_silent(self) -> None:
        """A question by TCP leaves no line in the log."""
        upstream = self.upstream(lambda query, stream: [address_reply(query).to_wire()])
        with capturedLogs() as logged:
            await self.exchange.over_stream(upstream.endpoint, MESSAGE)
        self.assertEqual([], [event for event in logged if "factory" in event or "OneShot" in str(event)])

    async def test_ipv6(self) -> None:
        """Upstreams may have IPv6 addresses."""
        upstream = self.upstream(address="::1")
        await self.exchange.over_datagram(upstream.endpoint, MESSAGE)
        await self.exchange.over_stream(upstream.endpoint, MESSAGE)
        self.assertEqual([False, True], [stream for _, stream, _ in upstream.queries])

    async def test_ports(self) -> None:
        """Each question comes from another port, chosen by the kernel."""
        upstream = self.upstream()
        for _ in range(20):
            await self.exchange.over_datagram(upstream.endpoint, MESSAGE)
        ports = [port for _, _, port in upstream.queries]
        self.assertTrue(len(set(ports)) > 10, ports)
        self.assertNotEqual(sorted(ports), ports)

    async def test_forged(self) -> None:
        """Packets with another id or question are passed over for the one that fits."""

        def rule(query: dns.message.Message, stream: bool) -> list[bytes]:
            good = address_reply(query).to_wire()
            other = address_reply(dns.message.make_query("example.net", "A", id=0x1234)).to_wire()
            return [struct.pack("!H", 0x1235) + good[2:], other, b"junk", MESSAGE, good]

        upstream = self.upstream(rule)
        for ask in (self.exchange.over_datagram, self.exchange.over_stream):
            self.assertEqual(address_reply(QUERY).to_wire(), await ask(upstream.endpoint, MESSAGE))

    async def test_endless(self) -> None:
        """A connection over which much comes that does not fit is given up."""

        def rule(query: dns.message.Message, stream: bool) -> list[bytes]:
            return [*[b"junk" * 16_000] * 10, address_reply(query).to_wire()]

        with self.assertRaises(NoReply):
            await self.exchange.over_stream(self.upstream(rule).endpoint, MESSAGE)

    async def test_other_sender(self) -> None:
        """A reply from another address is ignored, however well it fits."""

        def rule(query: dns.message.Message, stream: bool) -> list[bytes]:
            assert other.transport is not None
            other.transport.write(address_reply(query, 2).to_wire(), ("127.0.0.1", upstream.queries[-1][2]))
            # The forged reply lies in the kernel's hands before the honest one is sent.
            return [address_reply(query, 1).to_wire()]

        upstream = self.upstream(rule)
        other = DatagramProtocol()
        port = reactor.listenUDP(0, other, interface="127.0.0.1")  # type: ignore[attr-defined]  # see the zope interface
        self.addCleanup(port.stopListening)
        packet = await self.exchange.over_datagram(upstream.endpoint, MESSAGE)
        self.assertEqual(1, len(dns.message.from_wire(packet).answer[0]))

    async def test_nobody(self) -> None:
        """A port where nobody listens is known at once."""
        upstream = Upstream(reactor)
        await upstream.stop()
        for ask in (self.exchange.over_datagram, self.exchange.over_stream):
            with self.assertRaises(NoReply):
                await ask(upstream.endpoint, MESSAGE)

    async def test_no_way(self) -> None:
        """An address that cannot be reached is known at once."""
        with self.assertRaises(NoReply):
            await self.exchange.over_datagram(Endpoint("255.255.255.255"), MESSAGE)

    async def test_closed_without_reply(self) -> None:
        """A connection that ends without a reply is none."""
        upstream = self.upstream(lambda query, stream: [])
        with self.assertRaises(NoReply):
            await self.exchange.over_stream(upstream.endpoint, MESSAGE)

    async def test_lost(self) -> None:
        """A question that was lost is sent again from the same socket; a reply to the first sending counts as well."""
        lost = self.upstream(lambda query, stream: plain(query, stream) if len(lost.queries) > 1 else [])
        await self.exchange.over_datagram(lost.endpoint, MESSAGE)
        (first, _, port), (second, _, again) = lost.queries
        self.assertEqual((first.id, port), (second.id, again))

    async def test_slow(self) -> None:
        """The reply of an upstream that takes long for every reply is accepted."""
        slow = self.upstream(lambda query, stream: [])

        def late() -> None:
            query, _, port = slow.queries[0]
            slow.transport.write(address_reply(query).to_wire(), ("127.0.0.1", port))

        deferLater(reactor, 1.6, late)
        packet = await self.exchange.over_datagram(slow.endpoint, MESSAGE)
        self.assertEqual(address_reply(QUERY).to_wire(), packet)

    async def test_cancelled(self) -> None:
        """A question that is given up leaves no socket behind (trial fails if it does)."""
        arrived: Deferred[None] = Deferred()

        def rule(query: dns.message.Message, stream: bool) -> list[bytes]:
            arrived.callback(None)
            return []

        upstream = self.upstream(rule)
        asking = Deferred.fromCoroutine(self.exchange.over_datagram(upstream.endpoint, MESSAGE))
        await arrived
        asking.cancel()
        with self.assertRaises(CancelledError):
            await asking

    async def test_cancelled_while_connecting(self) -> None:
        """A connection that is given up while it is made leaves none behind."""
        upstream = self.upstream()
        asking = Deferred.fromCoroutine(self.exchange.over_stream(upstream.endpoint, MESSAGE))
        asking.cancel()
        with self.assertRaises(NoReply):
            await asking
