"""UDP on real sockets: the port that takes many datagrams in one call does what the reactor's own does."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import dns.message
import dns.rcode
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from daprdockr.dns.authority import Authority
from daprdockr.dns.listening.batched import RECEIVE_BUFFER, BatchedPort, listen_datagrams
from daprdockr.dns.listening.mmsg import CAPACITY, NAME, SLOT, DatagramBatch
from daprdockr.dns.listening.protocols import MAX_DATAGRAM, Datagrams
from daprdockr.dns.message.records import NOERROR, A
from daprdockr.dns.zone.zone import Zone
from daprdockr.model.host import Port
from tests.build.dns_samples import Asking, question, running, sample_zone

NAMES = ["1.web.myapp", "2.web.myapp", "web.myapp", "nope.myapp", "db.myapp"]
SO_PEEK_OFF = 42
"""Of asm-generic/socket.h: each look into the queue shows what came after the last one."""
LOOPBACK = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")]


class Contract:
    """A UDP port that uses ``Datagrams``; a test sends all it has before the reactor reads from the socket."""

    interface = "127.0.0.1"
    listen: Callable[..., Any]

    def setUp(self: Any) -> None:
        self.forwarder = Asking()
        self.authority = Authority(reactor, forwarder=self.forwarder, allow=LOOPBACK, rotation=lambda: 0)
        self.authority.publish(sample_zone())
        self.port = self.listen(Datagrams(self.authority, reactor))
        self.addCleanup(self.port.stopListening)
        family = socket.AF_INET6 if ":" in self.interface else socket.AF_INET
        self.client = socket.socket(family, socket.SOCK_DGRAM)
        self.addCleanup(self.client.close)
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.client.setblocking(False)
        self.client.connect((self.interface, self.port.getHost().port))

    async def until(self: Any, done: Callable[[], bool]) -> None:
        deadline = reactor.seconds() + 20.0
        while not done():
            self.assertLess(reactor.seconds(), deadline)
            await deferLater(reactor, 0.005)

    async def replies(self: Any, count: int) -> list[dns.message.Message]:
        """The next replies, as many as are expected, and whatever comes right after them."""
        found: list[bytes] = []

        def all_here() -> bool:
            try:
                while True:
                    found.append(self.client.recv(4096))
            except BlockingIOError:
                return len(found) >= count

        await self.until(all_here)
        return [dns.message.from_wire(packet) for packet in found]

    async def test_many(self: Any) -> None:
        """Of more datagrams than one call takes each has its own reply, in order, made new or finished."""
        asked = [question(f"{NAMES[n % len(NAMES)]}.container") for n in range(2 * CAPACITY + 7)]
        for number, message in enumerate(asked):
            message.id = number
            self.client.send(message.to_wire())
        replies = await self.replies(len(asked))
        self.assertEqual(len(asked), len(replies))
        for message, reply in zip(asked, replies, strict=True):
            self.assertTrue(message.is_response(reply), message)
        counts = self.authority.counts
        self.assertEqual((len(NAMES), len(asked) - len(NAMES)), (counts.queries, counts.finished))
        self.assertEqual(
            len(asked), self.authority.outcomes.total(), "each reply is counted, by a sample of each batch"
        )

    async def test_gaps(self: Any) -> None:
        """A message that gets no reply, or a later one, does not change the order of the other replies."""
        too_long = [b"\x00" * (MAX_DATAGRAM + 1), b"\x00" * (SLOT + 200)]
        silent = [b"", b"x", b"\x80" * 40, *too_long, question("a.example").to_wire()]
        for number in range(40):
            message = question("1.web.myapp.container")
            message.id = number
            self.client.send(silent[number % len(silent)])
            self.client.send(message.to_wire())
        self.assertEqual(list(range(40)), [reply.id for reply in await self.replies(40)])
        self.assertEqual(0, self.authority.counts.unsent)
        self.assertEqual({(A, NOERROR): 40}, self.authority.outcomes)

    async def test_later(self: Any) -> None:
        """A reply that has to be waited for goes to who asked."""
        message = question("a.example")
        self.client.send(message.to_wire())
        await self.until(lambda: bool(self.forwarder.asked))
        self.forwarder.asked[0][1].callback(None)
        (reply,) = await self.replies(1)
        self.assertEqual((message.id, dns.rcode.NOERROR), (reply.id, reply.rcode()))
        self.assertTrue(reply.flags & dns.flags.TC, "there was no room for the question: it is to come again over TCP")

    async def test_largest(self: Any) -> None:
        """A reply as large as a datagram may be arrives whole, made new and finished."""
        ones = [running(f"{n}.web.crowd", f"10.1.0.{n}", Port(80, "tcp", 1000 + n)) for n in range(1, 61)]
        self.authority.publish(Zone.of(ones, serial=1))
        for _ in range(2):
            self.client.send(question("web.crowd.container", edns=0, size=4096).to_wire())
        for reply in await self.replies(2):
            self.assertEqual(60, len(reply.answer[0]))

    async def test_no_way_back(self: Any) -> None:
        """A client that is gone costs the others nothing."""
        gone = socket.socket(self.client.family, socket.SOCK_DGRAM)
        gone.connect((self.interface, self.port.getHost().port))
        gone.send(question("1.web.myapp.container").to_wire())
        gone.close()
        for _ in range(3):
            self.client.send(question("1.web.myapp.container").to_wire())
        self.assertEqual(3, len(await self.replies(3)))


class PlainTests(Contract, TestCase):
    """The reactor's own port."""

    def listen(self, protocol: Datagrams) -> Any:
        return reactor.listenUDP(0, protocol, self.interface, 4096)  # type: ignore[attr-defined]


class BatchedTests(Contract, TestCase):
    """``BatchedPort``, on this platform what ``listen_datagrams`` returns."""

    def listen(self, protocol: Datagrams) -> Any:
        port = listen_datagrams(reactor, 0, protocol, self.interface)
        self.assertIsInstance(port, BatchedPort)
        return port


class BatchedInet6Tests(BatchedTests):
    """The same over IPv6."""

    interface = "::1"


class BatchTests(TestCase):
    """``DatagramBatch`` on its own."""

    def test_refused(self) -> None:
        """A reply that the kernel does not take, here to port 0, is counted, and those behind it still go."""
        server, client = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.addCleanup(server.close)
        self.addCleanup(client.close)
        server.bind(("127.0.0.1", 0))
        client.connect(server.getsockname())
        client.settimeout(20)
        server.settimeout(20)
        server.setsockopt(socket.SOL_SOCKET, SO_PEEK_OFF, 0)
        for octets in (b"one", b"two", b"three"):
            client.send(octets)
            self.assertEqual(octets, server.recv(9, socket.MSG_PEEK), "a busy kernel hands it over later")
        batch = DatagramBatch()
        self.assertEqual(3, batch.receive(server.fileno()))
        self.assertEqual([3, 3, 5], list(batch.lengths[:3]))
        batch.names[NAME + 2 : NAME + 4] = b"\0\0"
        for index in range(3):
            batch.replies[index] = batch.lengths[index]
        self.assertEqual(1, batch.send(server.fileno(), 0, 3))
        self.assertEqual([b"one", b"three"], [client.recv(9), client.recv(9)])
        self.assertEqual(0, batch.receive(server.fileno()))
