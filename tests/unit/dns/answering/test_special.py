"""``daprdockr.dns.answering.special``, ``resolvconf``, ``addresses`` and ``endpoint``."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.answering.special import answer_special
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.forwarding.resolvconf import upstreams
from daprdockr.dns.listening.addresses import host_addresses, parse_fib_trie, parse_if_inet6
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
        soa = "10800 SOA local. nobody.invalid. 1 3600 600 86400 10800"
        self.assertEqual(["NXDOMAIN AA RD RA", f"N LOCAL. {soa}"], self.said("printer.LOCAL"))
        self.assertEqual(["NOERROR AA RD RA", f"N local. {soa}"], self.said("local"))

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


class ResolvConfTests(SynchronousTestCase):
    """``resolvconf.upstreams``"""

    def test_servers(self) -> None:
        """Name servers come in their order, each once, on port 53; all other lines and bad addresses do not count."""
        text = """
            # nameserver 192.0.2.66
            ; nameserver 192.0.2.67
            search example.com
            nameserver 192.0.2.1
            \tnameserver\t2001:DB8::1   # the other
            nameserver nonsense
            nameserver
            options edns0
            nameserver 192.0.2.1
        """
        self.assertEqual((Endpoint("192.0.2.1", 53), Endpoint("2001:db8::1", 53)), upstreams(text, ()))

    def test_own(self) -> None:
        """Addresses where we listen ourselves are no upstreams, in whatever spelling."""
        text = "nameserver 127.0.0.1\nnameserver ::0001\nnameserver 192.0.2.1\n"
        self.assertEqual((Endpoint("192.0.2.1"),), upstreams(text, ("127.0.0.1", "0::1")))

    def test_three(self) -> None:
        """No more than three count, after our own are gone."""
        text = "".join(f"nameserver 192.0.2.{n}\n" for n in range(1, 7))
        self.assertEqual(["192.0.2.2", "192.0.2.3", "192.0.2.4"], [e.address for e in upstreams(text, ["192.0.2.1"])])

    def test_empty(self) -> None:
        """An empty file names nobody."""
        self.assertEqual((), upstreams("", ()))


FIB_TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     +-- 192.0.2.0/24 2 0 2
        +-- 192.0.2.0/30 2 0 2
           |-- 192.0.2.0
              /24 link UNICAST
           |-- 192.0.2.2
              /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
"""
IF_INET6 = """00000000000000000000000000000001 01 80 10 80       lo
fd000000000000000000000000000002 04 40 00 82     eth0
fd000000000000000000000000000003 04 40 00 40     eth0
fd000000000000000000000000000004 04 40 00 c8     eth0
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
"""


class AddressTests(SynchronousTestCase):
    """``addresses``"""

    def test_ipv4(self) -> None:
        """Addresses of this host are found, networks, routes and broadcast addresses are not."""
        self.assertEqual({"127.0.0.1", "192.0.2.2"}, parse_fib_trie(FIB_TRIE + FIB_TRIE.replace("Main", "Local")))

    def test_ipv6(self) -> None:
        """Link-local addresses, and those that are not yet or never usable, are left out."""
        self.assertEqual({"::1", "fd00::2"}, parse_if_inet6(IF_INET6))

    def test_files(self) -> None:
        """Both files together; the one of IPv6 may be missing, the one of IPv4 may not."""
        root = Path(self.mktemp())
        root.mkdir()
        self.assertRaises(OSError, host_addresses, root)
        (root / "fib_trie").write_text(FIB_TRIE)
        self.assertEqual({"127.0.0.1", "192.0.2.2"}, host_addresses(root))
        (root / "if_inet6").write_text(IF_INET6)
        self.assertEqual({"127.0.0.1", "192.0.2.2", "::1", "fd00::2"}, host_addresses(root))

    def test_endpoints(self) -> None:
        """An endpoint is written as in a URL."""
        self.assertEqual(["192.0.2.1:53", "[::1]:5353"], [str(Endpoint("192.0.2.1")), str(Endpoint("::1", 5353))])
