"""``daprdockr.dns.listening.listen`` and ``server``: which sockets are open when, on a reactor in memory."""

from __future__ import annotations

import errno
from typing import Any, Literal

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.answering.name_servers import NO_SERVERS
from daprdockr.dns.authority import Authority
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.listening.batched import listen_datagrams
from daprdockr.dns.listening.listen import POLL_SECONDS, DnsListeners
from daprdockr.dns.server import DnsServer
from daprdockr.model.errors import BadInput
from tests.build.dns_samples import Connection, sample_zone

Kind = Literal["UDP", "TCP"]
Bound = tuple[Kind, str, int]


class Port:
    """A listening port in memory."""

    def __init__(self, sockets: Sockets, bound: Bound) -> None:
        self._sockets = sockets
        self._bound = bound

    def getHost(self) -> IPv4Address | IPv6Address:  # noqa: N802  # Twisted's name
        kind, address, port = self._bound
        return IPv6Address(kind, address, port) if ":" in address else IPv4Address(kind, address, port)

    def stopListening(self) -> Deferred[None]:  # noqa: N802  # Twisted's name
        self._sockets.open.remove(self._bound)
        return succeed(None)


class Sockets(Clock):
    """A reactor whose sockets are a list; ``taken`` are those of somebody else."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[Bound] = []
        self.taken: set[Bound] = set()
        self.why = OSError(errno.EADDRINUSE, "Address already in use")
        self.tries = 0

    def listenUDP(self, port: int, protocol: Any, interface: str, maxPacketSize: int) -> Port:  # noqa: N802, N803
        return self._bind("UDP", interface, port)

    def listenTCP(self, port: int, factory: Any, interface: str) -> Port:  # noqa: N802  # Twisted's name
        return self._bind("TCP", interface, port)

    def _bind(self, kind: Kind, address: str, port: int) -> Port:
        self.tries += 1
        bound: Bound = (kind, address, port or 40000)
        if bound in self.taken:
            raise CannotListenError(address, port, self.why)
        self.open.append(bound)
        return Port(self, bound)


def both(*addresses: str, port: int = 53) -> list[Bound]:
    kinds: tuple[Kind, ...] = ("UDP", "TCP")
    return sorted((kind, address, port) for kind in kinds for address in addresses)


class ListenerTests(SynchronousTestCase):
    """``DnsListeners``"""

    def setUp(self) -> None:
        self.sockets = Sockets()
        self.addresses: frozenset[str] | OSError = frozenset({"127.0.0.1", "192.0.2.2", "::1", "fd00::2"})
        self.authority = Authority(self.sockets, forwarder=None, allow=(), rotation=lambda: 0)
        self.taken: dict[Endpoint, str] = {}
        self.seen = EventLoggingObserver()
        globalLogPublisher.addObserver(self.seen)
        self.addCleanup(globalLogPublisher.removeObserver, self.seen)

    def host_addresses(self) -> frozenset[str]:
        if isinstance(self.addresses, OSError):
            raise self.addresses
        return self.addresses

    def start(self, *endpoints: str, port: int = 53) -> DnsListeners:
        listen = [Endpoint(endpoint, port) for endpoint in endpoints]
        listeners = DnsListeners(
            self.sockets, listen, self.authority, self.host_addresses, listen_datagrams, self.taken
        )
        listeners.privilegedStartService()
        listeners.startService()
        return listeners

    def lines(self) -> list[str]:
        return [event["log_format"].format(**event) for event in self.seen if "log_format" in event]

    def test_fixed(self) -> None:
        """An address that was named has a UDP and a TCP socket, and no look is taken at the host's."""
        listeners = self.start("192.0.2.2", "::1")
        self.assertEqual(both("192.0.2.2", "::1"), sorted(self.sockets.open))
        self.assertEqual((Endpoint("192.0.2.2"), Endpoint("::1")), listeners.bound)
        self.assertEqual([], self.sockets.getDelayedCalls())

    def test_port_zero(self) -> None:
        """When the kernel chooses the port both sockets have the same."""
        listeners = self.start("127.0.0.1", port=0)
        self.assertEqual(both("127.0.0.1", port=40000), sorted(self.sockets.open))
        self.assertEqual((Endpoint("127.0.0.1", 40000),), listeners.bound)

    def test_fixed_and_taken(self) -> None:
        """An address that was named and cannot be had is an error of one line that names it."""
        self.sockets.taken = {("TCP", "192.0.2.2", 53)}
        error = self.assertRaises(BadInput, self.start, "192.0.2.2")
        self.assertRegex(str(error), r"^--dns 192\.0\.2\.2:53 .*Address already in use.*$")
        self.assertEqual([], self.sockets.open)

    def test_every_ipv4(self) -> None:
        """0.0.0.0 is every IPv4 address of the host."""
        self.start("0.0.0.0")
        self.assertEqual(both("127.0.0.1", "192.0.2.2"), sorted(self.sockets.open))

    def test_every_address(self) -> None:
        """:: is every address of the host, and one that was named besides has its sockets once."""
        self.start("::", "0.0.0.0", "192.0.2.2")
        self.assertEqual(both("127.0.0.1", "192.0.2.2", "::1", "fd00::2"), sorted(self.sockets.open))

    def test_followed(self) -> None:
        """Addresses that come get sockets, those of addresses that go are closed, all others stay."""
        listeners = self.start("0.0.0.0", "192.0.2.66")
        self.addresses = frozenset({"127.0.0.1", "172.17.0.1"})
        self.sockets.advance(POLL_SECONDS)
        self.assertEqual(both("127.0.0.1", "172.17.0.1", "192.0.2.66"), sorted(self.sockets.open))
        self.assertEqual(3, len(listeners.bound))
        self.assertIn("address 192.0.2.2:53 is gone, no longer listening there", self.lines())

    def test_taken(self) -> None:
        """An address of the host that is taken is left, with one warning, until it is free."""
        self.sockets.taken = {("TCP", "192.0.2.2", 53)}
        self.start("0.0.0.0")
        for _ in range(3):
            self.assertEqual(both("127.0.0.1"), sorted(self.sockets.open))
            self.sockets.advance(POLL_SECONDS)
        warnings = [line for line in self.lines() if line.startswith("not listening at 192.0.2.2:53")]
        self.assertEqual(1, len(warnings))
        self.assertIn("Address already in use", warnings[0])
        self.assertEqual({Endpoint("192.0.2.2"): "Address already in use"}, self.taken)
        self.sockets.taken.clear()
        self.sockets.advance(POLL_SECONDS)
        self.assertEqual(both("127.0.0.1", "192.0.2.2"), sorted(self.sockets.open))
        self.assertEqual({}, self.taken)

    def test_taken_for_another_reason(self) -> None:
        """The reason is always the latest: a new IPv6 address cannot be used for a second, also if it is taken."""
        self.sockets.taken = {("UDP", "192.0.2.2", 53)}
        self.sockets.why, later = OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"), self.sockets.why
        self.start("0.0.0.0")
        self.sockets.why = later
        self.sockets.advance(POLL_SECONDS)
        self.assertEqual({Endpoint("192.0.2.2"): "Address already in use"}, self.taken)

    def test_taken_again(self) -> None:
        """An address that went and comes back taken is warned of again."""
        self.sockets.taken = {("UDP", "192.0.2.2", 53)}
        everything = self.addresses
        self.start("0.0.0.0")
        for self.addresses in (frozenset({"127.0.0.1"}), everything):
            self.sockets.advance(POLL_SECONDS)
        self.assertEqual(2, sum(line.startswith("not listening at") for line in self.lines()))

    def test_unreadable(self) -> None:
        """When the addresses cannot be read nothing is closed, and each reason is logged once until it is over."""
        self.start("0.0.0.0")
        known = self.addresses
        for self.addresses in (OSError("no proc"), OSError("no proc"), OSError("no rights"), known, OSError("no proc")):
            self.sockets.advance(POLL_SECONDS)
            self.assertEqual(both("127.0.0.1", "192.0.2.2"), sorted(self.sockets.open))
        told = [line.rpartition(": ")[2] for line in self.lines() if "cannot be read" in line]
        self.assertEqual(["no proc", "no rights", "no proc"], told)

    def test_defect(self) -> None:
        """A defect while looking is logged, and the next look is taken."""
        self.start("0.0.0.0")
        self.addresses = 5  # type: ignore[assignment]  # the defect
        self.sockets.advance(POLL_SECONDS)
        self.assertEqual(1, len(self.flushLoggedErrors(TypeError)))
        self.addresses = frozenset({"172.17.0.1"})
        self.sockets.advance(POLL_SECONDS)
        self.assertEqual(both("172.17.0.1"), sorted(self.sockets.open))

    def test_stop(self) -> None:
        """At the end all sockets are closed, connections are ended, and no look is taken any more."""
        listeners = self.start("0.0.0.0", "192.0.2.66")
        stream = self.authority.buildProtocol(None)
        transport = Connection(stream, "192.0.2.77")
        stream.makeConnection(transport)
        self.successResultOf(listeners.stopService())
        self.assertEqual([], self.sockets.open)
        self.assertTrue(transport.disconnected)
        stream.connectionLost()
        self.assertEqual([], self.sockets.getDelayedCalls())


class ServerTests(SynchronousTestCase):
    """``DnsServer``, as far as it can be seen without sockets."""

    def build(self, sockets: Sockets) -> DnsServer:
        listen = [Endpoint("192.0.2.2")]
        return DnsServer(sockets, listen=listen, allow=[], servers=NO_SERVERS, host_addresses=frozenset)

    def test_life(self) -> None:
        """It binds while it has its privileges, counts from zero, and closes all at the end."""
        sockets = Sockets()
        server = self.build(sockets)
        server.publish(sample_zone())
        server.privilegedStartService()
        self.assertEqual((Endpoint("192.0.2.2"),), server.bound)
        server.startService()
        self.assertEqual({0}, set(server.counts.values()))
        self.assertIn("malformed", server.counts)
        self.successResultOf(server.stopService())
        self.assertEqual([], sockets.open)
