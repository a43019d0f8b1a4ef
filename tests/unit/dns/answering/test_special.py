"""Names that are not asked of upstreams."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.answering.special import answer_special
from tests.build.dns_samples import Nameserver, question, read, said


class SpecialTests(SynchronousTestCase):
    """Names that are not asked of upstreams."""

    def said(self, name: str, kind: str = "A") -> list[str]:
        return said(Nameserver().ask(question(name, kind)))

    def test_localhost(self) -> None:
        """``localhost`` and all below it is the loopback address (RFC 6761)."""
        found = "NOERROR AA RD RA"
        soa = "N localhost. 10800 SOA localhost. nobody.invalid. 1 3600 600 86400 10800"
        self.assertEqual([found, "A localhost. 10800 A 127.0.0.1"], self.said("localhost"))
        self.assertEqual([found, "A x.LocalHost. 10800 AAAA ::1"], self.said("x.LocalHost", "AAAA"))
        self.assertEqual([found, soa], self.said("localhost", "MX"))
        self.assertEqual([found, soa], self.said("a\\.b.localhost"))

    def test_absent(self) -> None:
        """Names below a special one do not exist, and the special one has nothing."""
        soa = "10800 SOA onion. nobody.invalid. 1 3600 600 86400 10800"
        self.assertEqual(["NXDOMAIN AA RD RA", f"N ONION. {soa}"], self.said("printer.ONION"))
        self.assertEqual(["NOERROR AA RD RA", f"N onion. {soa}"], self.said("onion"))

    def test_house(self) -> None:
        """A name of the house is absent for a second, because the next upstream may know it."""
        for zone in ("local", "test", "internal", "home.arpa"):
            soa = f"1 SOA {zone}. nobody.invalid. 1 3600 600 86400 1"
            self.assertEqual(["NXDOMAIN AA RD RA", f"N {zone}. {soa}"], self.said(f"printer.{zone}"))
            self.assertEqual(["NOERROR AA RD RA", f"N {zone}. {soa}"], self.said(zone))

    def test_reverse(self) -> None:
        """An address of a private network is absent for a second; what is no whole address exists without records."""
        soa = "N 10.in-addr.arpa. 1 SOA 10.in-addr.arpa. nobody.invalid. 1 3600 600 86400 1"
        self.assertEqual(["NXDOMAIN AA RD RA", soa], self.said("77.0.0.10.in-addr.arpa", "PTR"))
        self.assertEqual(["NXDOMAIN AA RD RA", soa], self.said("x.77.0.0.10.in-addr.arpa", "PTR"))
        for name in ("0.0.10.in-addr.arpa", "0.10.in-addr.arpa", "10.in-addr.arpa"):
            self.assertEqual(["NOERROR AA RD RA", soa], self.said(name, "PTR"))
        self.assertEqual("NXDOMAIN AA RD RA", self.said(f"{'0.' * 30}d.f.ip6.arpa", "PTR")[0])
        self.assertEqual("NOERROR AA RD RA", self.said(f"{'0.' * 29}d.f.ip6.arpa", "PTR")[0])

    def special(self, name: str, kind: str = "PTR") -> bool:
        return answer_special(read(question(name, kind).to_wire()).question) is not None

    def test_special(self) -> None:
        """Special top-level names and the reverse zones of addresses that mean nothing elsewhere."""
        names = ["a.test", "a.b.invalid", "a.onion", "a.alt", "1.0.0.10.in-addr.arpa", "1.2.31.172.in-addr.arpa"]
        names += ["1.1.168.192.in-addr.arpa", "1.0.0.127.in-addr.arpa", "9.127.100.in-addr.arpa"]
        names += [f"1.{'0.' * 31}ip6.arpa", f"{'0.' * 32}ip6.arpa", f"{'1.' * 30}d.f.ip6.arpa", "1.8.e.f.ip6.arpa"]
        self.assertEqual([], [name for name in names if not self.special(name)])

    def test_ordinary(self) -> None:
        """All other names, and reverse zones, are not special."""
        names = ["example.com", "test.example.com", "local.host", "com", "."]
        names += ["1.1.1.1.in-addr.arpa", "1.2.32.172.in-addr.arpa", "1.1.128.100.in-addr.arpa"]
        names += [f"2.{'0.' * 31}ip6.arpa", f"{'1.' * 30}0.2.ip6.arpa", "ip6.arpa", "arpa"]
        self.assertEqual([], [name for name in names if self.special(name)])

    def test_single_labels(self) -> None:
        """No upstream is asked for the address of a name without a dot; a resolver may ask it for a top level."""
        self.assertEqual(["NXDOMAIN RD RA"], self.said("web"))
        self.assertEqual(["NXDOMAIN RD RA"], self.said("web", "AAAA"))
        for kind in ("NS", "DS", "SOA", "MX"):
            self.assertFalse(self.special("com", kind))
