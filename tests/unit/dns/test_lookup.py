"""Records of names, asked of a name server at a port of the loopback address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import field, frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import dns
from twisted.names.common import ResolverBase
from twisted.names.error import DomainError
from twisted.names.server import DNSServerFactory
from twisted.trial.unittest import TestCase

from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.lookup import Lookup
from daprdockr.model.errors import NotFound

Records = dict[str, tuple[Any, ...]]


class Zone(ResolverBase):
    """The records by name; a name without an entry does not exist, and ``failing`` makes every answer a failure."""

    def __init__(self, records: Records) -> None:
        super().__init__()
        self.records = records
        self.failing = False

    def query(self, query: dns.Query, timeout: Any = None) -> Deferred[Any]:
        name = query.name.name.decode().lower()
        if self.failing:
            return fail(OSError("no zone file"))
        if name not in self.records:
            return fail(DomainError(name))
        found = [one for one in self.records[name] if one.TYPE in (query.type, dns.CNAME)]
        return succeed(([dns.RRHeader(name, one.TYPE, dns.IN, 60, one) for one in found], [], []))


@frozen
class Hasty:
    """A reactor whose time passes a hundred times as fast."""

    now: Any = field(default=reactor)

    def callLater(self, delay: float, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: N802
        return self.now.callLater(delay / 100, call, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.now, name)


class LookupTests(TestCase):
    def setUp(self) -> None:
        self.zone = Zone(
            {
                "a.test": (dns.Record_A("192.0.2.1"), dns.Record_A("192.0.2.1"), dns.Record_AAAA("2001:db8::1")),
                "bare.test": (),
                "b.test": (dns.Record_CNAME("A.Test"),),
                "text.test": (dns.Record_TXT(b"one ", b"text"), dns.Record_TXT(b"\xff")),
            }
        )
        real: Any = reactor
        port = real.listenUDP(0, dns.DNSDatagramProtocol(DNSServerFactory(clients=[self.zone])), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.servers = [Endpoint("127.0.0.1", port.getHost().port)]
        self.lookup = Lookup(lambda: self.servers, Hasty())

    async def test_addresses(self) -> None:
        """A name has its addresses of both kinds, each once; one that is an alias has those that came with it."""
        self.assertEqual(await self.lookup.addresses("a.test"), ("192.0.2.1", "2001:db8::1"))

    async def test_absent(self) -> None:
        """A name that does not exist, or has no such records, has none."""
        for name in ("gone.test", "bare.test"):
            self.assertEqual(await self.lookup.addresses(name), ())
            self.assertEqual((await self.lookup.alias(name), await self.lookup.texts(name)), ("", ()))

    async def test_alias(self) -> None:
        """An alias is the name that it leads to, as names are spelled here."""
        self.assertEqual(await self.lookup.alias("b.test"), "a.test")
        self.assertEqual(await self.lookup.alias("a.test"), "")

    async def test_texts(self) -> None:
        """The parts of a text are one; octets that are no letters do not keep the rest from being read."""
        self.assertEqual(await self.lookup.texts("text.test"), ("one text", "\N{REPLACEMENT CHARACTER}"))

    async def refused(self) -> str:
        try:
            await self.lookup.addresses("a.test")
        except NotFound as error:
            return str(error)
        return ""

    async def test_failing(self) -> None:
        """Servers that fail, or do not answer in time, do not say where a name is: that is not the same as nowhere."""
        self.zone.failing = True
        self.assertIn("the name servers do not say where a.test is: DNSServerError", await self.refused())
        self.flushLoggedErrors(OSError)  # by the server of this test
        real: Any = reactor
        silent = real.listenUDP(0, dns.DNSDatagramProtocol(DNSServerFactory(clients=[Silent()])), interface="127.0.0.1")
        self.addCleanup(silent.stopListening)
        self.servers = [Endpoint("127.0.0.1", silent.getHost().port)]
        self.assertIn("do not say where a.test is", await self.refused())

    def test_anybody(self) -> None:
        """The servers are those of the moment."""
        self.assertTrue(self.lookup.anybody)
        self.servers.clear()
        self.assertFalse(self.lookup.anybody)


class Silent(ResolverBase):
    """It never answers."""

    def query(self, query: dns.Query, timeout: Any = None) -> Deferred[Any]:
        return Deferred()
