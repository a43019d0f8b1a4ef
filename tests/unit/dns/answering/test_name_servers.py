"""``daprdockr.dns.answering.name_servers``: which name servers are asked for which names, and what is never asked."""

from __future__ import annotations

import dns.rcode
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.answering.name_servers import NameServers, is_private
from daprdockr.dns.endpoint import Endpoint
from tests.build.dns_samples import STRANGER, Nameserver, question, read, said

OFFICE, OTHER, LOCAL, FAR = (Endpoint(a) for a in ("10.0.0.53", "fd00::53", "127.0.0.53", "203.0.113.53"))
CORP, DEEP, AWAY = Endpoint("10.9.9.1"), Endpoint("10.9.9.2", 54), Endpoint("198.51.100.1")
ZONES = {
    (b"corp", b"local"): (CORP,),
    (b"deep", b"corp", b"local"): (DEEP,),
    (b"9", b"10", b"in-addr", b"arpa"): (CORP,),
    (b"university", b"example"): (AWAY,),
}
HOUSE = [
    ("app.corp.local", "A"),
    ("printer.LOCAL", "AAAA"),
    ("x.test", "TXT"),
    ("nas", "A"),
    ("nas", "AAAA"),
    ("nas.home.arpa", "A"),
    ("vm.zone.internal", "A"),
    ("4.3.2.10.in-addr.arpa", "PTR"),
    ("4.3.31.172.in-addr.arpa", "PTR"),
    ("4.3.168.192.in-addr.arpa", "PTR"),
    ("4.3.100.100.in-addr.arpa", "PTR"),
    (f"{'0.' * 29}0.d.f.ip6.arpa", "PTR"),
]
NOBODYS = ["localhost", "x.localhost", "x.invalid", "x.onion", "x.alt", "1.0.0.127.in-addr.arpa"]
NOBODYS += ["1.1.254.169.in-addr.arpa", "1.2.0.192.in-addr.arpa"]
ORDINARY = [("example.com", "A"), ("com", "NS"), ("test.example.com", "A"), ("4.3.32.172.in-addr.arpa", "PTR")]


def asked(servers: NameServers, name: str, kind: str = "A") -> tuple[Endpoint, ...] | None:
    """The upstreams that are asked."""
    found = read(question(name, kind).to_wire()).question
    return servers.of(found.lowered, found.type)


class WhomTests(SynchronousTestCase):
    """``NameServers``"""

    def test_house(self) -> None:
        """For names of the house upstreams at this site are asked, and only those."""
        for name, kind in HOUSE:
            self.assertEqual((OFFICE, OTHER, LOCAL), asked(NameServers((FAR, OFFICE, OTHER, LOCAL)), name, kind), name)
            for upstreams in ((FAR,), None):
                self.assertIsNone(asked(NameServers(upstreams), name, kind), name)

    def test_unknown(self) -> None:
        """While no upstream is known nobody can say that a name of the house does not exist, unless it has a server."""
        for name, kind in HOUSE:
            self.assertEqual((), asked(NameServers(()), name, kind), name)
        self.assertEqual((CORP,), asked(NameServers((), ZONES), "app.corp.local"))

    def test_nobody(self) -> None:
        """Names that exist nowhere, or on each host for itself, are asked of nobody."""
        for name in NOBODYS:
            for upstreams in ((FAR, OFFICE, LOCAL), (), None):
                self.assertIsNone(asked(NameServers(upstreams), name), name)

    def test_ordinary(self) -> None:
        """For all other names all upstreams are asked in their order."""
        for name, kind in ORDINARY:
            for upstreams in ((FAR, OFFICE), (), None):
                self.assertEqual(upstreams, asked(NameServers(upstreams, ZONES), name, kind), name)

    def test_zones(self) -> None:
        """The servers of the longest zone that the name is in are asked, whatever the upstreams are."""
        rows = [
            ("corp.local", (CORP,)),
            ("app.Corp.LOCAL", (CORP,)),
            ("deep.corp.local", (DEEP,)),
            ("a.b.deep.corp.local", (DEEP,)),
            ("notdeep.corp.local", (CORP,)),
            ("xcorp.local", (OFFICE,)),
            ("1.2.9.10.in-addr.arpa", (CORP,)),
            ("1.2.8.10.in-addr.arpa", (OFFICE,)),
            ("www.university.example", (AWAY,)),
            ("example", (OFFICE,)),
        ]
        for name, servers in rows:
            self.assertEqual(servers, asked(NameServers((FAR, OFFICE), ZONES), name), name)
        self.assertEqual((CORP,), asked(NameServers(None, ZONES), "app.corp.local"))
        self.assertIsNone(asked(NameServers(None, ZONES), "example.com"))

    @given(st.sampled_from([name for name, _ in HOUSE] + NOBODYS), st.ip_addresses())
    def test_never_in_public(self, name: str, address: object) -> None:
        """Any upstream is asked for a special name only if its address is private."""
        servers = NameServers((Endpoint(str(address)),))
        self.assertTrue(asked(servers, name) is None or is_private(str(address)))


class AnswerTests(SynchronousTestCase):
    """The answers that a client gets."""

    def setUp(self) -> None:
        self.server = Nameserver()

    def test_asked(self) -> None:
        """Names of the house are forwarded where somebody at this site may know them, else denied."""
        for servers, forwarded in ((NameServers((OFFICE,)), 1), (NameServers((FAR,)), 0)):
            for name, kind in HOUSE:
                self.server.forwarder.servers = servers
                self.server.forwarder.asked.clear()
                packets = self.server.send(question(name, kind).to_wire())
                self.assertEqual(forwarded, len(self.server.forwarder.asked), name)
                self.assertEqual(1 - forwarded, len(packets), name)

    def test_instances_first(self) -> None:
        """An address that an instance publishes leads to it, even where an upstream has the zone."""
        self.server.forwarder.servers = NameServers((OFFICE,), {(b"10", b"in-addr", b"arpa"): (CORP,)})
        answer = said(self.server.ask(question("1.0.0.10.in-addr.arpa", "PTR")))
        self.assertIn("A 1.0.0.10.in-addr.arpa. 0 PTR 1.web.myapp.container.", answer)

    def test_refused(self) -> None:
        """Other names are refused where only zones are forwarded, and those of zones to clients who may not ask."""
        self.server.forwarder.servers = NameServers(None, ZONES)
        self.assertEqual(dns.rcode.REFUSED, self.server.ask(question("example.com")).rcode())
        self.assertEqual(dns.rcode.REFUSED, self.server.ask(question("app.corp.local"), STRANGER).rcode())
        self.assertEqual([], self.server.forwarder.asked)
