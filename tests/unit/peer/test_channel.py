"""One connection to the peer listener: how it becomes a session, and what it holds for one that stalls."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.frames import ABSENT, BUSY, MAX_CONTENT, MAX_FRAME, FrameKind, FrameReader, written
from daprdockr.model.session import LogsAsked, SessionRequest
from daprdockr.peer.admission import NodeBusy, NotHere, SessionRefused
from daprdockr.peer.channel import LINGER, OPENING, PeerChannel
from tests.build.values import instance
from tests.fakes.run import LoopClock
from tests.fakes.wire import Wire

REQUEST = SessionRequest("5f" * 32, LogsAsked(instance(1)))


class Talking:
    """A session that keeps what happens to it."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def frame(self, kind: FrameKind, content: bytes) -> None:
        if kind is FrameKind.OUTPUT:
            raise BadInput("no output is taken")
        self.events.append((kind, content))

    def pause(self) -> None:
        self.events.append("pause")

    def resume(self) -> None:
        self.events.append("resume")

    def gone(self) -> None:
        self.events.append("gone")


class ChannelTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.wire, self.session = LoopClock(), Wire(), Talking()
        self.opening: Deferred[Any] = Deferred()
        self.asked: list[SessionRequest] = []
        self.ends: list[PeerChannel] = []
        self.channel = PeerChannel(self.clock, self.open, self.ends.append)
        self.channel.makeConnection(self.wire)

    def open(self, channel: PeerChannel, request: SessionRequest) -> Deferred[Any]:
        self.asked.append(request)
        return self.opening

    def receive(self, kind: FrameKind, content: bytes = b"") -> None:
        self.channel.dataReceived(written(kind, content))

    def begin(self) -> None:
        self.receive(FrameKind.ASK, REQUEST.encode())
        self.opening.callback(self.session)
        self.clock.advance(0)

    def sent(self) -> list[tuple[FrameKind, bytes]]:
        return FrameReader().feed(self.wire.value())

    def refusal(self) -> str:
        (kind, content), *more = self.sent()
        self.assertEqual((kind, more, self.wire.disconnecting), (FrameKind.REFUSED, [], True))
        return content.decode()

    def test_opened(self) -> None:
        """The first frame asks; those behind it wait until the session is there, in their order."""
        self.receive(FrameKind.ASK, REQUEST.encode())
        self.receive(FrameKind.INPUT, b"a")
        self.receive(FrameKind.INPUT_ENDS)
        self.assertEqual((self.asked, self.wire.producerState), ([REQUEST], "paused"))
        self.opening.callback(self.session)
        self.clock.advance(0)
        self.assertEqual(self.session.events, [(FrameKind.INPUT, b"a"), (FrameKind.INPUT_ENDS, b"")])

    def test_opened_at_once(self) -> None:
        """A session that is there at once is asked for once."""
        self.opening.callback(self.session)
        self.receive(FrameKind.ASK, REQUEST.encode())
        self.clock.advance(0)
        self.receive(FrameKind.INPUT, b"a")
        self.assertEqual((self.asked, self.session.events), ([REQUEST], [(FrameKind.INPUT, b"a")]))

    def test_refused(self) -> None:
        """The reason is sent, and the connection closed."""
        self.receive(FrameKind.ASK, REQUEST.encode())
        self.opening.errback(SessionRefused("try again later"))
        self.assertEqual(self.refusal(), "try again later")

    def test_busy(self) -> None:
        """A refusal that will soon have passed is followed by a status that says so."""
        self.receive(FrameKind.ASK, REQUEST.encode())
        self.opening.errback(NodeBusy("full"))
        self.assertEqual(self.sent(), [(FrameKind.REFUSED, b"full"), (FrameKind.STATUS, BUSY)])
        self.assertTrue(self.wire.disconnecting)

    def test_not_here(self) -> None:
        """So is a refusal because something does not exist, with another status."""
        self.receive(FrameKind.ASK, REQUEST.encode())
        self.opening.errback(NotHere("no volume"))
        self.assertEqual(self.sent(), [(FrameKind.REFUSED, b"no volume"), (FrameKind.STATUS, ABSENT)])

    def test_fault(self) -> None:
        """A fault of ours is logged, and its text is not sent."""
        self.receive(FrameKind.ASK, REQUEST.encode())
        self.opening.errback(ZeroDivisionError("secret"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertNotIn("secret", self.refusal())

    def test_strangers(self) -> None:
        """One that begins with anything else is refused and asks for nothing."""
        self.receive(FrameKind.INPUT, b"a")
        self.refusal()
        self.assertEqual(self.asked, [])

    def test_no_frames(self) -> None:
        """Octets that are no frame of ours end the connection at their length."""
        self.channel.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
        self.assertTrue(self.wire.aborted)

    def test_too_long(self) -> None:
        """A frame of any length is not waited for."""
        self.channel.dataReceived((MAX_FRAME + 1).to_bytes(4))
        self.assertTrue(self.wire.aborted)

    def test_slow(self) -> None:
        """A connection that does not become a session in time is closed; a session lasts."""
        self.clock.advance(OPENING)
        self.assertTrue(self.wire.aborted)
        self.setUp()
        self.begin()
        self.clock.advance(100 * OPENING)
        self.assertFalse(self.wire.aborted)

    def test_slow_to_begin(self) -> None:
        """One that may have a session gets the reason why it does not begin, however late that is known."""
        self.receive(FrameKind.ASK, REQUEST.encode())
        self.channel.admit()
        self.clock.advance(OPENING + 5)
        self.opening.errback(SessionRefused("the Docker Engine did not answer"))
        self.assertFalse(self.wire.aborted)
        self.assertEqual(self.refusal(), "the Docker Engine did not answer")

    def test_stalled(self) -> None:
        """The session is paused while the other side does not read, also if that was so before it was there."""
        self.begin()
        self.channel.pauseProducing()
        self.channel.resumeProducing()
        self.assertEqual(self.session.events, ["pause", "resume"])
        self.setUp()
        self.channel.pauseProducing()
        self.begin()
        self.assertEqual(self.session.events, ["pause"])

    def test_misused(self) -> None:
        """A frame that the session has no use for ends it."""
        self.begin()
        self.receive(FrameKind.OUTPUT)
        self.assertEqual(self.refusal(), "no output is taken")

    def test_long_content(self) -> None:
        """Content of any length is divided."""
        self.begin()
        self.channel.send(FrameKind.OUTPUT, b"x" * (2 * MAX_CONTENT + 1))
        self.assertEqual([len(content) for _, content in self.sent()], [MAX_CONTENT, MAX_CONTENT, 1])

    def test_finished(self) -> None:
        """Nothing is sent behind the last frame, which has its time to be read."""
        self.begin()
        self.channel.finish(FrameKind.STATUS, b"0")
        self.channel.send(FrameKind.OUTPUT, b"late")
        self.assertEqual((self.sent(), self.wire.disconnecting), ([(FrameKind.STATUS, b"0")], True))
        self.clock.advance(LINGER)
        self.assertTrue(self.wire.aborted)

    def test_closed_in_time(self) -> None:
        """A connection that the other side closes after the last frame is left alone from then on."""
        self.begin()
        self.channel.finish(FrameKind.STATUS, b"0")
        self.channel.connectionLost(Failure(ConnectionDone()))
        self.clock.advance(LINGER)
        self.assertFalse(self.wire.aborted)

    def test_finished_while_paused(self) -> None:
        """A session that is over reads until the other side has closed, and drops what comes."""
        self.begin()
        self.channel.pauseInput()
        self.channel.finish(FrameKind.STATUS, b"0")
        self.channel.pauseInput()
        self.assertEqual(self.wire.producerState, "producing")
        self.receive(FrameKind.INPUT, b"late")
        self.channel.resumeInput()
        self.assertEqual(self.session.events, [])

    def test_ends_in_between(self) -> None:
        """A frame that came together with the one by which a session ends is dropped, too."""
        self.begin()
        self.channel.dataReceived(written(FrameKind.OUTPUT) + written(FrameKind.INPUT, b"late"))
        self.assertEqual(self.session.events, [])

    def test_gone(self) -> None:
        """The end of the connection is reported once, also to a session that came later."""
        self.begin()
        self.channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual((self.session.events, self.ends), (["gone"], [self.channel]))
        self.setUp()
        self.receive(FrameKind.ASK, REQUEST.encode())
        self.channel.connectionLost(Failure(ConnectionDone()))
        self.opening.callback(self.session)
        self.assertEqual((self.session.events, self.ends), (["gone"], [self.channel]))
        self.clock.advance(LINGER)
        self.assertFalse(self.wire.aborted)
