"""The upstreams that a resolv.conf names."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.forwarding.resolvconf import own_servers, upstreams


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

    def test_own_servers(self) -> None:
        """Where we listen: at what was named, and at the wildcard's addresses that no other program has."""
        here = {"127.0.0.1", "192.0.2.2", "::1"}
        cases: list[tuple[str, int, set[str]]] = [
            ("192.0.2.2", 53, {"192.0.2.2"}),
            ("0.0.0.0", 53, {"0.0.0.0", "192.0.2.2"}),
            ("::", 53, {"::", "192.0.2.2", "::1"}),
            ("0.0.0.0", 5353, set()),
        ]
        for address, port, own in cases:
            found = own_servers([Endpoint(address, port)], lambda: here, {Endpoint("127.0.0.1"), Endpoint("::1", 54)})
            self.assertEqual(own, found)

    def test_three(self) -> None:
        """No more than three count, after our own are gone."""
        text = "".join(f"nameserver 192.0.2.{n}\n" for n in range(1, 7))
        self.assertEqual(["192.0.2.2", "192.0.2.3", "192.0.2.4"], [e.address for e in upstreams(text, ["192.0.2.1"])])

    def test_empty(self) -> None:
        """An empty file names nobody."""
        self.assertEqual((), upstreams("", ()))
