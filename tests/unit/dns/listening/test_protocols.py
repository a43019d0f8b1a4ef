"""``daprdockr.dns.listening.protocols``: TCP connections, their limits and their order."""

from __future__ import annotations

import socket

import dns.message
import dns.rrset
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.authority import MAX_CONNECTIONS
from daprdockr.dns.listening.protocols import IDLE_SECONDS, MAX_UNSENT, READ_OCTETS, SEND_OCTETS
from tests.build.dns_samples import Nameserver, connected, framed, question, unframed

SOA = question("container", "SOA").to_wire()


class StreamTests(SynchronousTestCase):
    """DNS over TCP (RFC 7766)."""

    def setUp(self) -> None:
        self.nameserver = Nameserver()
        self.stream, self.transport = connected(self.nameserver)

    def ids(self, transport: StringTransport) -> list[int]:
        return [dns.message.from_wire(packet).id for packet in unframed(transport.value())]

    def test_pipelining(self) -> None:
        """Several queries at once are all answered, however the octets arrive."""
        octets = b"".join(framed(bytes([0, n]) + SOA[2:]) for n in range(5))
        for octet in octets:
            self.stream.dataReceived(bytes([octet]))
        self.stream.dataReceived(octets)
        self.assertEqual([0, 1, 2, 3, 4] * 2, self.ids(self.transport))

    def test_out_of_order(self) -> None:
        """An answer that is ready does not wait for one that is not."""
        forwarded = question("example.com").to_wire()
        self.stream.dataReceived(framed(forwarded) + framed(b"\0\7" + SOA[2:]))
        self.assertEqual([7], self.ids(self.transport))
        self.nameserver.forwarder.asked[0][1].callback(None)
        self.assertEqual([7, 0x1234], self.ids(self.transport))

    def test_idle(self) -> None:
        """A connection without a query is ended, and one that sends octets but never a whole query is too."""
        for _ in range(int(IDLE_SECONDS)):
            self.assertFalse(self.transport.disconnected)
            self.stream.dataReceived(b"\1")
            self.nameserver.reactor.advance(1)
        self.assertTrue(self.transport.disconnected)

    def test_busy(self) -> None:
        """Each query starts the time anew."""
        for _ in range(5):
            self.stream.dataReceived(framed(SOA))
            self.nameserver.reactor.advance(IDLE_SECONDS - 1)
        self.assertFalse(self.transport.disconnected)

    def test_too_long(self) -> None:
        """A query that announces more octets than any has ends the connection at once."""
        self.stream.dataReceived(b"\xff\xff")
        self.assertTrue(self.transport.disconnected)

    def test_reader_who_does_not_read(self) -> None:
        """While answers pile up no query is read; they are read on when the answers have left."""
        self.assertIs(self.stream, self.transport.producer)
        self.stream.pauseProducing()
        self.stream.dataReceived(framed(SOA))
        self.assertEqual(b"", self.transport.value())
        self.stream.resumeProducing()
        self.assertEqual(1, len(unframed(self.transport.value())))

    def test_replies_that_nobody_reads(self) -> None:
        """When replies of upstreams pile up that were asked for before, the connection ends."""
        forwarded = question("example.com")
        self.stream.dataReceived(framed(forwarded.to_wire()) * 50)
        self.stream.pauseProducing()
        reply = dns.message.make_response(forwarded)
        addresses = [f"10.0.{number // 250}.{number % 250}" for number in range(2500)]
        reply.answer.append(dns.rrset.from_text("example.com.", 60, "IN", "A", *addresses))
        asked = self.nameserver.forwarder.asked
        for _, asking in asked[:3]:
            asking.callback(reply.to_wire())
        self.assertFalse(self.transport.disconnected)
        for _, asking in asked[3:]:
            asking.callback(reply.to_wire())
        self.assertTrue(self.transport.disconnected)
        self.assertLessEqual(len(self.transport.value()), MAX_UNSENT + 100)

    def test_replies_that_are_read(self) -> None:
        """Replies that leave are not counted for long."""
        self.stream.dataReceived(framed(question("example.com").to_wire()) * 50)
        for _, asking in self.nameserver.forwarder.asked:
            self.stream.pauseProducing()
            asking.callback(bytes(MAX_UNSENT // 3))
            self.stream.resumeProducing()
        self.assertFalse(self.transport.disconnected)

    def test_lost(self) -> None:
        """A lost connection leaves nothing behind: no timer, no place in the list."""
        self.stream.connectionLost()
        self.assertEqual([], self.nameserver.reactor.getDelayedCalls())
        self.assertEqual([], self.nameserver.authority.connections)

    def test_crowd(self) -> None:
        """One connection more than there may be ends, of one client, that which asked least recently."""
        others = [connected(self.nameserver) for _ in range(MAX_CONNECTIONS - 1)]
        self.nameserver.reactor.advance(1.0)
        self.stream.dataReceived(framed(SOA))
        self.assertFalse(others[0][1].disconnected)
        newest, transport = connected(self.nameserver)
        self.assertEqual([True, False], [other.disconnected for _, other in others[:2]])
        self.assertFalse(self.transport.disconnected)
        self.assertEqual(MAX_CONNECTIONS, len(self.nameserver.authority.connections))
        newest.dataReceived(framed(SOA))
        self.assertEqual(1, len(unframed(transport.value())))

    def test_crowd_of_one_client(self) -> None:
        """A client with many connections displaces its own, however long those of others have been silent."""
        self.nameserver.reactor.advance(1.0)
        others = [connected(self.nameserver, "192.0.2.9") for _ in range(MAX_CONNECTIONS)]
        self.assertFalse(self.transport.disconnected)
        self.assertTrue(others[0][1].disconnected)

    def test_kept_small(self) -> None:
        """The octets read at once from a connection, and those that the kernel keeps for it, are bounded."""
        self.assertEqual(READ_OCTETS, self.transport.bufferSize)
        self.assertEqual({socket.SO_SNDBUF: SEND_OCTETS}, self.transport.options)
