"""The addresses of this host, and how an endpoint is written."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.listening.addresses import SHARED, SharedAddresses, host_addresses, parse_fib_trie, parse_if_inet6

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

    def test_shared(self) -> None:
        """All who want the addresses within some seconds share a reading; another one, on demand, is shared too."""
        clock, readings = Clock(), iter(map(frozenset, ({"a"}, {"b"}, {"c"}, {"d"})))
        addresses = SharedAddresses(lambda: next(readings), clock.seconds)
        found = [min(addresses()) for _ in range(5)]
        clock.advance(SHARED)
        found += [min(addresses()), min(addresses()), min(addresses.now()), min(addresses())]
        self.assertEqual(found, ["a"] * 5 + ["b", "b", "c", "c"])

    def test_not_shared(self) -> None:
        """A kernel that does not say is asked each time."""
        asked: list[None] = []

        def read() -> frozenset[str]:
            asked.append(None)
            raise OSError

        addresses = SharedAddresses(read, Clock().seconds)
        for _ in range(2):
            self.assertRaises(OSError, addresses)
        self.assertEqual(len(asked), 2)

    def test_endpoints(self) -> None:
        """An endpoint is written as in a URL."""
        self.assertEqual(["192.0.2.1:53", "[::1]:5353"], [str(Endpoint("192.0.2.1")), str(Endpoint("::1", 5353))])
