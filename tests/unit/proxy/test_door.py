"""Asking nginx over its socket, without a network."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import ProxyError
from daprdockr.proxy.door import MAX_ANSWER, Asking, DoorSocket

DONE = Failure(ConnectionDone())


class AskingTests(SynchronousTestCase):
    """``Asking`` on a transport in memory."""

    def setUp(self) -> None:
        self.asking = Asking(b"GET / HTTP/1.0\r\n\r\n")
        self.transport = StringTransport()
        self.asking.makeConnection(self.transport)

    def test_answer(self) -> None:
        """The answer is status and body, however it is cut on its way."""
        self.assertEqual(self.transport.value(), b"GET / HTTP/1.0\r\n\r\n")
        for byte in b"HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n0123abcd":
            self.asking.dataReceived(bytes([byte]))
        self.assertNoResult(self.asking.answer)
        self.asking.connectionLost(DONE)
        self.assertEqual(self.successResultOf(self.asking.answer), (200, "0123abcd"))

    def test_no_answer(self) -> None:
        """A connection that ends without the head of an answer gives none."""
        for received in [b"", b"what\r\n\r\n0123", b"HTTP/1.1 2", b"HTTP/1.1 abc\r\n\r\n"]:
            asking = Asking(b"")
            asking.makeConnection(StringTransport())
            asking.dataReceived(received)
            asking.connectionLost(DONE)
            self.assertEqual(self.successResultOf(asking.answer), (0, ""))

    def test_flood(self) -> None:
        """A server that answers too much is hung up on."""
        self.asking.dataReceived(b"x" * (MAX_ANSWER + 1))
        self.assertTrue(self.transport.disconnecting)

    def test_frozen(self) -> None:
        """A message that nginx takes only in part, because it is frozen, does not keep the connection open."""
        self.asking.answer.cancel()
        self.failureResultOf(self.asking.answer, CancelledError)
        self.assertTrue(self.transport.disconnected)

    def test_cancelled(self) -> None:
        """A caller that stops waiting hangs up, and the end of the connection is nobody's concern."""
        self.asking.answer.cancel()
        self.assertTrue(self.transport.disconnecting)
        self.asking.connectionLost(DONE)
        self.failureResultOf(self.asking.answer, CancelledError)


class DoorSocketTests(SynchronousTestCase):
    """``DoorSocket`` on connections in memory."""

    def test_timeout(self) -> None:
        """A message gets two seconds, and a long one a second for each MB besides."""
        for size, seconds in ((10, 2), (5_000_000, 7)):
            reactor = MemoryReactorClock()
            sent = Deferred.fromCoroutine(DoorSocket(path="door.sock", reactor=reactor).send(b"x" * size))
            reactor.unixClients[0][1].buildProtocol(None).makeConnection(StringTransport())
            reactor.advance(seconds - 0.1)
            self.assertNoResult(sent)
            reactor.advance(0.2)
            self.failureResultOf(sent, ProxyError)
