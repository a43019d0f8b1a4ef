"""Those who follow the page: what each is written, and what becomes of one that is slow."""

from __future__ import annotations

import socket
from typing import Any, cast

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.test.requesthelper import DummyRequest

from daprdockr.api.bounded_site import LIFETIME, VANISHED, BoundedSite
from daprdockr.api.readers import BEAT, MOST_READERS, PACE, PATIENCE, Readers, Stream
from tests.fakes.run import LoopClock
from tests.fakes.wire import Options


class FakeLive:
    """A page in the hands of a test: ``news`` are the updates to come; an exception is raised."""

    def __init__(self) -> None:
        self.at = "e.1"
        self.news: list[bytes | Exception | None] = []
        self.asked = 0
        self.work = lambda: None

    def update(self) -> bytes | None:
        self.asked += 1
        self.work()
        found = self.news.pop(0) if self.news else None
        if isinstance(found, Exception):
            raise found
        return found

    def whole(self) -> bytes:
        return b"whole"

    def beat(self) -> bytes:
        return b"beat"


class Aborting:
    aborted = False

    def abortConnection(self) -> None:  # noqa: N802  Twisted's name
        self.aborted = True


class Following(DummyRequest):
    """A request of one who follows; ``take`` returns what it was written since."""

    def __init__(self, at: str = "e.1", method: bytes = b"GET") -> None:
        super().__init__([b"stream"])
        self.args = {b"at": [at.encode()]}
        self.method = method
        self.channel = None
        self.transport = Aborting()
        self.producer: Any = None

    def registerProducer(self, producer: Any, streaming: bool) -> None:  # noqa: N802  Twisted's name
        self.producer = producer

    def take(self) -> list[bytes]:
        found, self.written[:] = list(self.written), []
        return found


class ReadersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.live = Clock(), FakeLive()
        self.readers = Readers(self.clock, self.live)
        self.stream = Stream(self.readers)

    def follow(self, at: str = "e.1", **headers: str) -> Following:
        request = Following(at)
        for name, value in headers.items():
            request.requestHeaders.setRawHeaders(name.replace("_", "-").encode(), [value.encode()])
        request.render(self.stream)
        return request

    def test_updates(self) -> None:
        """A change is written to all, once, and not more often than the pace."""
        one, other = self.follow(), self.follow()
        self.assertEqual(one.take(), [b"retry: 2000\n\n"])
        other.take()
        self.live.news = [None, b"news"]
        self.clock.pump([PACE / 4] * 12)
        self.assertEqual((one.take(), other.take()), ([b"beat", b"news"],) * 2)
        self.assertEqual(self.live.asked, 3)

    def test_costly(self) -> None:
        """Where an examination takes long, as in a large cluster, it has a tenth of the time; beats are no rarer."""
        one = self.follow()

        def work() -> None:
            self.clock.rightNow += 0.8

        self.live.work = work
        self.clock.pump([PACE] * 80)
        self.assertLessEqual(self.live.asked * 0.8, self.clock.seconds() / 8)
        self.assertGreaterEqual(self.live.asked, 4)
        self.assertGreaterEqual(one.take().count(b"beat"), 3)

    def test_missed(self) -> None:
        """One that has another state than the present one gets the whole; what it had last counts, not its page."""
        self.assertEqual(self.follow("e.0").take(), [b"whole"])
        self.assertEqual(self.follow("e.0", last_event_id="e.1").take(), [b"retry: 2000\n\n"])
        self.assertEqual(self.follow("e.1", last_event_id="d.7").take(), [b"whole"])

    def test_beats(self) -> None:
        """While nothing changes a reader is written to once in a while, so both sides know of each other."""
        one = self.follow()
        self.clock.pump([PACE] * int(2 * BEAT / PACE))
        self.assertEqual(one.take().count(b"beat"), 2)

    def test_nobody(self) -> None:
        """While nobody follows nothing is examined."""
        one = self.follow()
        one.processingFailed(Failure(ConnectionError()))
        self.clock.pump([PACE] * 10)
        self.assertEqual((self.live.asked, self.clock.getDelayedCalls()), (0, []))

    def test_stalled(self) -> None:
        """One whose connection takes no more misses all; when it takes more it gets the whole, once."""
        one, other = self.follow(), self.follow()
        self.clock.pump([PACE])
        one.producer.pauseProducing()
        one.take()
        other.take()
        self.live.news = [b"first", b"second"]
        self.clock.pump([PACE] * 3)
        self.assertEqual((one.take(), other.take()), ([], [b"first", b"second"]))
        one.producer.resumeProducing()
        self.assertEqual(one.take(), [b"whole"])
        one.producer.pauseProducing()
        one.producer.resumeProducing()
        self.assertEqual(one.take(), [])

    def test_dropped(self) -> None:
        """One that takes nothing for long is dropped."""
        one = self.follow()
        one.producer.pauseProducing()
        self.clock.pump([PACE] * int(PATIENCE / PACE - 1))
        self.assertFalse(one.transport.aborted)
        self.clock.pump([PACE] * 2)
        self.assertTrue(one.transport.aborted)
        one.producer.stopProducing()

    def test_bounded(self) -> None:
        """One too many is refused, and has a place when another one leaves."""
        all_of_them = [self.follow() for _ in range(MOST_READERS)]
        refused = self.follow()
        self.assertEqual((refused.responseCode, refused.producer), (503, None))
        all_of_them[0].processingFailed(Failure(ConnectionError()))
        self.assertIsNotNone(self.follow().producer)

    def test_fault(self) -> None:
        """A page that cannot be examined is a line of the log, and examined again."""
        one = self.follow()
        self.live.news = [ValueError("a fault"), b"news"]
        self.clock.pump([PACE] * 2)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertIn(b"news", one.take())

    def test_asked_for_a_page(self) -> None:
        """A request for the page examines it too, at the same pace, and those who follow are written to."""
        one = self.follow()
        one.take()
        self.live.news = [b"news"]
        for _ in range(3):
            self.readers.refresh()
        self.assertEqual((one.take(), self.live.asked), ([b"news"], 1))

    def test_head(self) -> None:
        """A question for the headers is answered at once."""
        request = Following(method=b"HEAD")
        self.assertEqual(self.stream.render_GET(cast(Any, request)), b"")
        self.assertEqual(self.clock.getDelayedCalls(), [])


class StayingTests(SynchronousTestCase):
    """A stream at the real listener, which ends other connections."""

    def setUp(self) -> None:
        self.clock, self.live, root = LoopClock(), FakeLive(), Resource()
        root.putChild(b"stream", Stream(Readers(self.clock, self.live)))
        site = BoundedSite(root, reactor=self.clock)
        site.doStart()
        self.addCleanup(site.doStop)
        self.channel: Any = site.buildProtocol(None)
        self.transport = cast(Any, StringTransport())
        self.options = Options()
        self.transport.socket = self.options
        self.channel.makeConnection(self.transport)
        self.channel.dataReceived(b"GET /stream?at=e.1 HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def test_outlives(self) -> None:
        """A stream is not ended after a while, and ends when its client goes."""
        self.clock.pump([1.0] * int(2 * LIFETIME))
        self.assertFalse(self.transport.disconnecting or self.transport.disconnected)
        self.assertIn(b"text/event-stream", self.transport.value())
        self.assertIn(b"beat", self.transport.value())
        self.channel.stay()
        self.channel.connectionLost(Failure(ConnectionDone()))

    def test_stalled(self) -> None:
        """A transport that takes no more is written nothing, and is aborted in the end."""
        self.transport.producer.pauseProducing()
        before = self.transport.value()
        self.live.news = [b"news"]
        self.clock.pump([PACE] * int(PATIENCE / PACE + 2))
        self.assertEqual(self.transport.value(), before)
        self.assertTrue(self.transport.disconnected)
        self.channel.connectionLost(Failure(ConnectionDone()))

    def test_vanished(self) -> None:
        """A client whose host is gone, and that acknowledges nothing, keeps no place for long."""
        self.assertEqual(self.options, {(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT): 1000 * VANISHED})
        self.assertGreater(VANISHED, BEAT)
        self.channel.connectionLost(Failure(ConnectionDone()))

    def test_caught_up(self) -> None:
        """A transport that takes more again is written the whole."""
        self.transport.producer.pauseProducing()
        self.live.news = [b"news"]
        self.clock.pump([PACE] * 3)
        self.transport.producer.resumeProducing()
        self.assertIn(b"whole", self.transport.value())
        self.assertNotIn(b"news", self.transport.value())
        self.channel.connectionLost(Failure(ConnectionDone()))
