"""A request whose body is sent as it comes, over a transport in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.streams import EngineStreams
from daprdockr.engine.upload import EngineUpload, upload
from daprdockr.model.errors import EngineRefused, EngineUnavailable
from tests.fakes.wire import Wire


class UploadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.wire = Wire()
        streams = EngineStreams(self.reactor, "unix:///run/docker.sock")
        begun: Deferred[EngineUpload] = Deferred.fromCoroutine(upload(streams, "restore", "/x?path=%2Fv"))
        self.begun = begun

    def connected(self) -> EngineUpload:
        _, factory, *_ = self.reactor.unixClients.pop()
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.wire)
        return self.successResultOf(self.begun)

    def close(self, sending: EngineUpload) -> None:
        sending.readConnectionLost()
        self.protocol.connectionLost(Failure(ConnectionDone()))

    def test_chunks(self) -> None:
        """Content goes in chunks, its end is one of nothing, and the connection stays open for the answer."""
        sending = self.connected()
        head = self.wire.value()
        self.assertTrue(head.startswith(b"PUT /x?path=%2Fv HTTP/1.1\r\nHost: docker\r\n"), head)
        self.assertIn(b"Transfer-Encoding: chunked\r\n", head)
        self.assertTrue(head.endswith(b"\r\n\r\n"))
        self.wire.clear()
        sending.feed_from(object())
        sending.write(b"x" * 26)
        sending.write(b"")
        self.assertEqual(self.wire.value(), b"1a\r\n" + b"x" * 26 + b"\r\n")
        self.wire.clear()
        sending.end_input()
        self.assertEqual((self.wire.value(), self.wire.ended, self.wire.producer), (b"0\r\n\r\n", False, None))
        self.assertNoResult(sending.began)
        sending.dataReceived(b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertIs(self.successResultOf(sending.began), sending)

    def test_refused(self) -> None:
        """A refusal in the middle has the Engine's text; what else was to be sent is given up."""
        sending = self.connected()
        sending.feed_from(object())
        sending.dataReceived(b'HTTP/1.1 400 Bad\r\n\r\n{"message": "unexpected EOF"}')
        self.close(sending)
        self.assertIn("unexpected EOF", str(self.failureResultOf(sending.began, EngineRefused).value))
        self.assertIsNone(self.wire.producer)
        self.wire.clear()
        sending.end_input()
        self.assertEqual(self.wire.value(), b"")

    def test_lost(self) -> None:
        """An Engine that ends the connection has taken nothing; one that is not there is said to be that."""
        sending = self.connected()
        self.close(sending)
        self.failureResultOf(sending.began, EngineUnavailable)

    def test_nobody_there(self) -> None:
        """An Engine that is not there takes no upload."""
        _, factory, *_ = self.reactor.unixClients.pop()
        factory.clientConnectionFailed(None, Failure(ConnectError("refused")))
        self.failureResultOf(self.begun, EngineUnavailable)
