"""``daprdockr.dns.protocols``: TCP connections, their limits and their order."""

from __future__ import annotations

import dns.message
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.authority import MAX_CONNECTIONS
from daprdockr.dns.protocols import IDLE_SECONDS
from tests.unit.dns_samples import Nameserver, connected, framed, question, unframed

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

    def test_lost(self) -> None:
        """A lost connection leaves nothing behind: no timer, no place in the list."""
        self.stream.connectionLost()
        self.assertEqual([], self.nameserver.reactor.getDelayedCalls())
        self.assertEqual([], self.nameserver.authority.connections)

    def test_crowd(self) -> None:
        """One connection more than there may be ends the oldest."""
        others = [connected(self.nameserver) for _ in range(MAX_CONNECTIONS - 1)]
        self.assertFalse(self.transport.disconnected)
        newest, transport = connected(self.nameserver)
        self.assertTrue(self.transport.disconnected)
        self.assertFalse(others[0][1].disconnected)
        newest.dataReceived(framed(SOA))
        self.assertEqual(1, len(unframed(transport.value())))
