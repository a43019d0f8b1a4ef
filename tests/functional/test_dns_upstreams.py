"""``daprdockr.dns.forwarding.forward`` and upstreams on sockets of the loopback address; the time is the test's."""

from __future__ import annotations

import time
from collections.abc import Callable

import dns.message
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase

from daprdockr.dns.answering.name_servers import NameServers
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.forwarding.cache import STALE_TTL, Cache
from daprdockr.dns.forwarding.exchange import SocketExchange
from daprdockr.dns.forwarding.forward import RECHECK_SECONDS, RESPONSE_SECONDS, Forwarder
from daprdockr.dns.forwarding.shares import Client
from daprdockr.dns.forwarding.upstreams import STAGGER_SECONDS
from tests.build.dns_samples import question, read
from tests.build.ports import free_port
from tests.rig.dns.upstream import Rule, Upstream, address_reply, plain

TTL = 60
"""Seconds; that of the upstream's replies."""


class UpstreamsTests(TestCase):
    """Upstreams that fall silent, go away and come back."""

    timeout = 30

    def setUp(self) -> None:
        self.clock = Clock()

    def upstream(self, rule: Rule = plain, port: int = 0) -> Upstream:
        upstream = Upstream(reactor, rule, port=port)
        self.addCleanup(upstream.stop)
        return upstream

    def forward_to(self, *endpoints: Endpoint) -> Forwarder:
        ids = iter(range(1, 1000))
        forwarder = Forwarder(
            self.clock, NameServers(endpoints), SocketExchange(reactor), cache=Cache(), draw_id=lambda: next(ids)
        )
        self.addCleanup(forwarder.stop)
        return forwarder

    def ask(self, forwarder: Forwarder, name: str = "example.com") -> Deferred[tuple[int, int]]:
        """How many addresses the reply has, and their TTL."""
        return forwarder.ask(read(question(name).to_wire()), Client("127.0.0.1")).addCallback(self.found)

    def found(self, packet: bytes | None) -> tuple[int, int]:
        assert packet is not None
        (rrset,) = dns.message.from_wire(packet).answer
        return len(rrset), rrset.ttl

    def silent(self) -> tuple[Rule, Callable[[], Deferred[None]]]:
        """The rule of a server that says nothing, and what fires when it is asked next."""
        waiting: list[Deferred[None]] = []

        def rule(query: dns.message.Message, stream: bool) -> list[bytes]:
            while waiting:
                waiting.pop().callback(None)
            return []

        def asked() -> Deferred[None]:
            waiting.append(Deferred())
            return waiting[-1]

        return rule, asked

    async def renewed(self, forwarder: Forwarder) -> None:
        """Wait for the reply to the question that is open behind an old one."""
        deadline = time.monotonic() + 10
        while await self.ask(forwarder) == (1, STALE_TTL):
            self.assertTrue(time.monotonic() < deadline, "the old reply was not renewed")
            await deferLater(reactor, 0.01)

    async def test_away_and_back(self) -> None:
        """Clients get the old reply while the upstream is away, and its new one a moment after it came back."""
        upstream = self.upstream(port=free_port())  # nobody takes it while the upstream is away
        forwarder = self.forward_to(upstream.endpoint)
        self.assertEqual((1, TTL), await self.ask(forwarder))
        self.clock.advance(TTL)
        await upstream.stop()
        self.assertEqual((1, STALE_TTL), await self.ask(forwarder))
        self.assertEqual((1, 1), (forwarder.counts.stale, forwarder.counts.unanswered))
        self.upstream(lambda query, stream: [address_reply(query, 2).to_wire()], upstream.endpoint.port)
        self.clock.advance(RECHECK_SECONDS)
        self.assertEqual((1, STALE_TTL), await self.ask(forwarder))
        await self.renewed(forwarder)
        self.assertEqual((2, TTL), await self.ask(forwarder))

    async def test_silent(self) -> None:
        """A client of an upstream that fell silent gets the old reply when its patience ends."""
        upstream = self.upstream()
        forwarder = self.forward_to(upstream.endpoint)
        await self.ask(forwarder)
        self.clock.advance(TTL)
        upstream.rule, asked = self.silent()
        heard = asked()
        asking = self.ask(forwarder)
        await heard
        self.assertNoResult(asking)
        self.clock.advance(RESPONSE_SECONDS)
        self.assertEqual((1, STALE_TTL), await asking)

    async def test_race(self) -> None:
        """A silent first upstream costs a moment, and later questions nothing."""
        rule, asked = self.silent()
        first, second = self.upstream(rule), self.upstream()
        forwarder = self.forward_to(first.endpoint, second.endpoint)
        heard = asked()
        asking = self.ask(forwarder)
        await heard
        self.assertEqual([], second.queries)
        self.clock.advance(STAGGER_SECONDS)
        self.assertEqual((1, TTL), await asking)
        for number in range(10):
            self.assertEqual((1, TTL), await self.ask(forwarder, f"{number}.example.com"))
        self.assertEqual((1, 11), (len(first.queries), len(second.queries)))
