"""Requests to the Engine on connections of the reactor, over transports in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.host import LIST_INTERVAL
from daprdockr.engine.streams import ANSWER_TIMEOUT, EngineAnswer, EngineStreams
from daprdockr.model.errors import ContainerAbsent, EngineRefused, EngineSilent, EngineUnavailable
from tests.fakes.wire import Wire, silence

OK = b"HTTP/1.0 200 OK\r\nContent-Type: x\r\n\r\n"


class Taking:
    """A reader that keeps what it is given."""

    def __init__(self) -> None:
        self.data = b""
        self.events: list[str] = []

    def received(self, data: bytes) -> None:
        self.data += data

    def ended(self) -> None:
        self.events.append("ended")

    def lost(self) -> None:
        self.events.append("lost")


class StreamsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.streams = EngineStreams(self.reactor, "unix:///run/docker.sock")
        self.wire = Wire()

    def answered(self, asked: Any) -> Deferred[Any]:
        """Begin a request, and connect."""
        self.asked: Deferred[Any] = Deferred.fromCoroutine(asked)
        _, factory, *_ = self.reactor.unixClients.pop()
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.wire)
        return self.asked

    @property
    def answer(self) -> EngineAnswer:
        found = self.protocol._wrappedProtocol
        assert isinstance(found, EngineAnswer)
        return found

    def close(self) -> None:
        self.answer.readConnectionLost()
        self.protocol.connectionLost(Failure(ConnectionDone()))

    def test_json(self) -> None:
        """An answer is read to the end of its connection, and the request has its body."""
        asked = self.answered(self.streams.ask("dance", "POST", "/x", {"A": 1}))
        self.assertEqual(
            self.wire.value(),
            b'POST /x HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"A": 1}',
        )
        for part in (OK[:9], OK[9:] + b'{"B":', b" 2}"):
            self.answer.dataReceived(part)
        self.assertNoResult(asked)
        self.close()
        self.assertEqual(self.successResultOf(asked), {"B": 2})

    def test_cut_short(self) -> None:
        """An answer of which less comes than was announced is none, also where nothing comes: it is no empty one."""
        for content in (b"", b"[1"):
            self.wire = Wire()
            asked = self.answered(self.streams.ask("dance", "GET", "/x"))
            self.answer.dataReceived(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n" + content)
            self.close()
            self.assertIn("in the middle", str(self.failureResultOf(asked, EngineUnavailable).value))

    def test_cut_network(self) -> None:
        """A connection to an Engine elsewhere is probed while nothing comes; at a socket of this machine none is."""
        self.answered(self.streams.read("dance", "/x"))
        self.assertEqual(silence(self.wire.socket), float("inf"))
        Deferred.fromCoroutine(EngineStreams(self.reactor, "tcp://192.0.2.1:2375").read("dance", "/x"))
        _, _, factory, *_ = self.reactor.tcpClients.pop()
        factory.buildProtocol(None).makeConnection(self.wire)
        self.assertLessEqual(silence(self.wire.socket), LIST_INTERVAL)

    def test_refused(self) -> None:
        """A refusal has the Engine's own text; a container that is gone is said to be that."""
        for status, text, kind in (
            (409, "not running", EngineRefused),
            (404, "No such container: x", ContainerAbsent),
            (503, "ending", EngineUnavailable),
        ):
            self.wire = Wire()
            asked = self.answered(self.streams.read("dance", "/x"))
            self.answer.dataReceived(b'HTTP/1.0 %d No\r\n\r\n{"message": "%s"}' % (status, text.encode()))
            self.close()
            self.assertIn(text, str(self.failureResultOf(asked, kind).value))

    def test_refused_upgrade(self) -> None:
        """A refusal is read to its end where the Engine keeps the connection open, as for a request to upgrade it."""
        body = b'{"message": "container x is not running"}'
        for head in (b"Content-Length: %d", b"Server: x\r\ncontent-length:%d"):
            self.wire = Wire()
            asked = self.answered(self.streams.upgrade("dance", "/x", {}))
            whole = b"HTTP/1.1 409 Conflict\r\n" + head % len(body) + b"\r\n\r\n" + body
            self.answer.dataReceived(whole[:-3])
            self.assertNoResult(asked)
            self.answer.dataReceived(whole[-3:])
            self.assertIn("container x is not running", str(self.failureResultOf(asked, EngineRefused).value))
            self.assertTrue(self.wire.disconnecting)
            self.close()

    def test_stream(self) -> None:
        """A stream is not read before somebody takes it, and nothing that came with its head is lost."""
        asked = self.answered(self.streams.read("dance", "/x"))
        self.answer.dataReceived(OK + b"first")
        stream = self.successResultOf(asked)
        self.assertEqual(self.wire.producerState, "paused")
        taking = Taking()
        stream.begin(taking)
        self.assertEqual((self.wire.producerState, taking.data), ("producing", b"first"))
        stream.dataReceived(b" second")
        stream.pause()
        self.assertEqual(self.wire.producerState, "paused")
        stream.resume()
        self.close()
        self.assertEqual((taking.data, taking.events), (b"first second", ["ended", "lost"]))

    def test_both_directions(self) -> None:
        """After an upgrade there is input too, which ends by itself."""
        asked = self.answered(self.streams.upgrade("dance", "/x", {}))
        self.assertIn(b"Upgrade: tcp", self.wire.value())
        self.answer.dataReceived(b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n")
        stream = self.successResultOf(asked)
        stream.begin(Taking())
        self.wire.clear()
        stream.feed_from(object())
        stream.write(b"in")
        stream.end_input()
        self.assertEqual((self.wire.value(), self.wire.ended), (b"in", True))

    def test_silent(self) -> None:
        """An Engine that does not answer is given up, and its connection closed."""
        asked = self.answered(self.streams.read("dance", "/x"))
        self.reactor.advance(ANSWER_TIMEOUT)
        self.failureResultOf(asked, EngineSilent)
        self.assertTrue(self.wire.aborted)

    def test_silent_in_the_middle(self) -> None:
        """So is one that begins an answer and never ends it: it is no answer without content."""
        asked = self.answered(self.streams.ask("dance", "GET", "/x"))
        self.answer.dataReceived(OK + b'{"B":')
        self.reactor.advance(ANSWER_TIMEOUT)
        said = str(self.failureResultOf(asked, EngineSilent).value)
        self.assertEqual(said, "the Docker Engine did not answer within 20 s when asked to dance")
        self.assertTrue(self.wire.aborted)

    def test_endless_head(self) -> None:
        """An answer that is no HTTP is not kept."""
        asked = self.answered(self.streams.read("dance", "/x"))
        self.answer.dataReceived(b"x" * 20_000)
        self.assertTrue(self.wire.aborted)
        self.close()
        self.failureResultOf(asked, EngineUnavailable)

    def test_no_engine(self) -> None:
        """An Engine that is down is one line."""
        asked: Deferred[Any] = Deferred.fromCoroutine(self.streams.read("dance", "/x"))
        _, factory, *_ = self.reactor.unixClients.pop()
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.failureResultOf(asked, EngineUnavailable)

    def test_tcp(self) -> None:
        """An Engine may be reached by TCP."""
        streams = EngineStreams(self.reactor, "tcp://127.0.0.1:2375")
        Deferred.fromCoroutine(streams.read("dance", "/x"))
        self.reactor.advance(1)
        self.assertEqual([client[:2] for client in self.reactor.tcpClients], [("127.0.0.1", 2375)])
