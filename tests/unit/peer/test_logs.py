"""An instance's log as an agent sends it: which containers, which lines, and what a reader that stalls costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.byte_stream import StreamReader
from daprdockr.engine.pieces import LONGEST_LINE
from daprdockr.engine.streams import EngineStreams
from daprdockr.model.errors import BadInput, EngineRefused, EngineUnavailable
from daprdockr.model.frames import FrameKind
from daprdockr.model.host import ContainerState, Status
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import ServiceName
from daprdockr.model.session import LogsAsked
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.entries import Batch, Deleted, Entry
from daprdockr.peer.admission import SessionRefused
from daprdockr.peer.channel import PeerChannel
from daprdockr.peer.logs import POLL, LogSession
from daprdockr.peer.on_this_node import OnThisNode
from tests.build.situations import container
from tests.build.values import KEYS, WEB, instance
from tests.fakes.peer_channel import SentFrames
from tests.fakes.run import LoopClock

STAMP, LATER = b"2026-11-28T10:00:00.000000001Z ", b"2026-11-28T10:00:00.000000002Z "


class Stream:
    """A stream of the Engine that the test feeds."""

    def __init__(self) -> None:
        self.reader: StreamReader | None = None
        self.state = "new"

    def begin(self, reader: StreamReader) -> None:
        self.reader, self.state = reader, "read"

    def pause(self) -> None:
        self.state = "paused"

    def resume(self) -> None:
        self.state = "read"

    def close(self) -> None:
        if self.state != "closed":
            self.state = "closed"
            if self.reader is not None:
                self.reader.lost()

    def say(self, *lines: bytes, stream: int = 1, stamp: bytes = STAMP) -> None:
        assert self.reader is not None
        for line in lines:
            content = stamp + line
            self.reader.received(bytes([stream, 0, 0, 0]) + len(content).to_bytes(4) + content)

    def end(self) -> None:
        assert self.reader is not None
        self.reader.ended()


class ToldEngine:
    """
    An Engine whose streams the test has; ``refuses`` are ids of containers without a log, ``late`` fires when streams
    come that are not there at once.
    """

    def __init__(self) -> None:
        self.streams: dict[str, Stream] = {}
        self.paths: list[str] = []
        self.refuses: set[str] = set()
        self.late: Deferred[None] | None = None
        self.tty = False
        self.away = False

    async def ask(self, doing: str, method: str, path: str, body: object = None) -> Any:
        return {"Config": {"Tty": self.tty}}

    async def read(self, doing: str, path: str) -> Stream:
        name = path.split("/")[2]
        self.paths.append(path)
        if self.away:
            raise EngineUnavailable("the Engine is away")
        if name in self.refuses:
            raise EngineRefused("its logging driver cannot be read")
        self.streams[name] = stream = Stream()
        if self.late is not None:
            await self.late
        return stream


class OnePlace:
    """The containers of one instance."""

    def __init__(self, *containers: ContainerState) -> None:
        self.found = containers

    def of(self, service: ServiceName) -> Mapping[int, tuple[ContainerState, ...]]:
        return {1: self.found} if service == WEB and self.found else {}


class LogsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.sent, self.engine = LoopClock(), SentFrames(), ToldEngine()
        self.old = evolve(container("old"), started=1.0, status=Status.EXITED)
        self.place = OnePlace(evolve(container("new"), started=2.0), self.old)
        self.cluster = Cluster(KEYS)
        self.claim("a", 5)

    def claim(self, node: str, revision: int) -> None:
        entry = Entry(KEYS.claim(instance(1)), ClaimRecord(node).encode(), revision, revision, 7)
        self.cluster.apply(Batch(1, revision, (entry,)))

    def session(self, **asked: Any) -> LogSession:
        here = OnThisNode("a", self.place, self.cluster, cast(EngineStreams, self.engine), lambda *event: None)
        found = LogSession(cast(PeerChannel, self.sent), LogsAsked(instance(1), **asked), here, self.clock)
        found.begin()
        return found

    def lines(self, kind: FrameKind = FrameKind.OUTPUT) -> bytes:
        return b"".join(content for found, content in self.sent.frames if found is kind).replace(STAMP, b"")

    def test_one_by_one(self) -> None:
        """The logs of all its containers are sent, also of one that stopped, in the order of their starts."""
        self.session(tail=5, since=3.5)
        self.assertEqual(list(self.engine.streams), ["old"])
        self.assertIn("tail=5&since=3.5", self.engine.paths[0])
        self.engine.streams["old"].say(b"a\n")
        self.engine.streams["old"].end()
        self.engine.streams["new"].say(b"b\n", b"c")
        self.engine.streams["new"].say(b"d\n", stream=2)
        self.assertEqual(self.sent.over, "")
        self.engine.streams["new"].end()
        self.assertEqual((self.lines(), self.lines(FrameKind.ERRORS)), (b"a\nb\nc\n", b"d\n"))
        self.assertEqual((self.sent.frames[0][0], self.sent.over), (FrameKind.ACCEPTED, "STATUS 0"))

    def test_grep(self) -> None:
        """Only lines with the text are sent; the time of a line is no part of it."""
        self.place = OnePlace(self.old)
        self.session(grep="2026")
        self.engine.streams["old"].say(b"no\n", b"in 2026\n", b"[2026]\n")
        self.assertEqual(self.lines(), b"in 2026\n[2026]\n")

    def test_terminal(self) -> None:
        """The log of a container with a terminal is one stream, without pieces."""
        self.engine.tty = True
        self.place = OnePlace(self.old)
        self.session()
        reader = self.engine.streams["old"].reader
        assert reader is not None
        reader.received(STAMP + b"a\n" + STAMP + b"b")
        reader.ended()
        self.assertEqual(self.lines(), b"a\nb\n")

    def test_terminal_long(self) -> None:
        """The rest of a line that was cut has its time: a text that sorts behind all times would hide later lines."""
        self.engine.tty, self.place = True, OnePlace(evolve(container("next"), started=5.0))
        session = self.session(follow=True)
        reader = self.engine.streams["next"].reader
        assert reader is not None
        reader.received(STAMP + b"x" * (LONGEST_LINE + 1))
        reader.received(b"zz of it\n")
        self.engine.streams["next"].end()
        self.place.found = (evolve(container("next"), started=6.0),)
        session.on_changes()
        reader = self.engine.streams["next"].reader
        assert reader is not None
        reader.received(LATER + b"again\n")
        self.assertEqual(b"x" * (LONGEST_LINE - len(STAMP)) + b"\nzz of it\n" + LATER + b"again\n", self.lines())

    def test_joins(self) -> None:
        """A container that starts while somebody follows joins, from its beginning, and one that starts again too."""
        session = self.session(follow=True, tail=1)
        self.assertEqual(sorted(self.engine.streams), ["new", "old"])
        self.engine.streams["old"].end()
        created, again = container("next"), evolve(self.old, started=9.0, status=Status.RUNNING)
        self.place.found = (*self.place.found[:1], again, evolve(created, started=0.0))
        session.on_changes()
        self.assertEqual(self.engine.paths[2:], [path for path in self.engine.paths[2:] if "old" in path])
        self.assertIn("tail=all&since=9.0", self.engine.paths[2])
        self.place.found = (evolve(created, started=5.0),)
        self.clock.advance(POLL)
        self.assertIn("/next/logs", self.engine.paths[3])
        self.assertNotIn("since", self.engine.paths[3])
        self.assertEqual(len(self.engine.paths), 4)

    def test_started_before_it_was_known(self) -> None:
        """The log of a container whose start is reported while the Engine is asked for it is read once."""
        self.place = OnePlace(evolve(container("next"), started=0.0, status=Status.CREATED))
        self.engine.late = Deferred()
        session = self.session(follow=True)
        self.place.found = (evolve(container("next"), started=5.0),)
        session.on_changes()
        self.engine.late.callback(None)
        session.on_changes()
        self.engine.streams["next"].say(b"a\n")
        self.clock.advance(POLL)
        self.assertEqual((len(self.engine.paths), self.lines()), (1, b"a\n"))

    def test_read_again(self) -> None:
        """Where that container has ended its log is read from its start on, and what was sent is not sent again."""
        self.place = OnePlace(evolve(container("next"), started=0.0, status=Status.CREATED))
        session = self.session(follow=True, grep="a")
        self.place.found = (evolve(container("next"), started=5.0),)
        session.on_changes()
        self.engine.streams["next"].say(b"a\n", b"b\n")
        self.engine.streams["next"].end()
        self.clock.advance(POLL)
        self.assertIn("since=5.0", self.engine.paths[1])
        self.engine.streams["next"].say(b"a\n", b"b\n")
        self.engine.streams["next"].say(b"a later\n", stamp=LATER)
        self.assertEqual(self.lines(), b"a\n" + LATER + b"a later\n")

    def test_cut_off(self) -> None:
        """A log that ends while its container runs on is read on after a while, from the last line that was sent."""
        self.place = OnePlace(evolve(container("new"), started=2.0))
        self.session(follow=True, tail=1)
        self.engine.streams["new"].say(b"a\n")
        self.engine.streams["new"].end()
        self.clock.advance(POLL)
        self.assertEqual(len(self.engine.paths), 1)  # its end may not be known yet
        self.clock.advance(POLL)
        self.assertIn("tail=all&since=1795859999.999", self.engine.paths[1])
        self.engine.streams["new"].say(b"a\n")
        self.engine.streams["new"].say(b"b\n", stamp=LATER)
        self.assertEqual(self.lines(), b"a\n" + LATER + b"b\n")

    def test_engine_away(self) -> None:
        """While the Engine is away it is asked again now and then, and one note says so; a refusal is final."""
        self.place = OnePlace(evolve(container("new"), started=2.0))
        self.engine.away = True
        self.session(follow=True, tail=1)
        for _ in range(6):
            self.clock.advance(POLL)
        self.engine.away, self.engine.refuses = False, {"new"}
        self.clock.pump([POLL] * 9)
        self.assertEqual(len(self.engine.paths), 5)
        self.assertTrue(all("tail=1" in path for path in self.engine.paths))
        notes = [content for kind, content in self.sent.frames if kind is FrameKind.NOTE]
        self.assertEqual(notes, [b"the Engine is away", b"its logging driver cannot be read"])

    def test_words_of_the_engine(self) -> None:
        """Words of the Engine itself in a log are a note, and hides no later lines."""
        self.place = OnePlace(evolve(container("new"), started=2.0))
        session = self.session(follow=True)
        self.engine.streams["new"].say(b"Error grabbing logs: EOF\n", stream=3, stamp=b"")
        self.engine.streams["new"].end()
        self.place.found = (evolve(container("new"), started=6.0),)
        session.on_changes()
        self.engine.streams["new"].say(b"a\n")
        self.assertEqual(self.lines(), b"a\n")
        self.assertIn((FrameKind.NOTE, b"Error grabbing logs: EOF"), self.sent.frames)

    def test_words_without_pieces(self) -> None:
        """In the log of a terminal they stand among the lines, and hide none either."""
        self.engine.tty, self.place = True, OnePlace(evolve(container("new"), started=2.0))
        session = self.session(follow=True)
        for started, said in ((6.0, b"Error grabbing logs: EOF\n"), (7.0, STAMP + b"a\n"), (8.0, b"Error again\n")):
            reader = self.engine.streams["new"].reader
            assert reader is not None
            reader.received(said)
            self.engine.streams["new"].end()
            self.place.found = (evolve(container("new"), started=started),)
            session.on_changes()
        self.assertEqual(self.lines(), b"Error grabbing logs: EOF\na\n")

    def test_moved(self) -> None:
        """A log that is followed ends when its containers have, and the instance is another node's."""
        self.session(follow=True)
        for stream in list(self.engine.streams.values()):
            stream.end()
        self.clock.advance(POLL)
        self.assertEqual(self.sent.over, "")
        self.claim("b", 6)
        self.place.found = ()
        self.clock.advance(POLL)
        self.assertEqual(self.sent.over, "STATUS 0")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_not_yet(self) -> None:
        """An instance that this node claims may have no container yet; that of another node is refused."""
        self.place = OnePlace()
        self.session(follow=True)
        self.assertEqual(self.sent.frames, [(FrameKind.ACCEPTED, b"")])
        self.assertRaises(SessionRefused, self.session)
        self.cluster.apply(Batch(1, 6, (Deleted(KEYS.claim(instance(1)), 6),)))
        self.assertRaises(SessionRefused, self.session, follow=True)

    def test_stalled(self) -> None:
        """The Engine is not read while the other side stalls, nor is a container that joins meanwhile."""
        session = self.session(follow=True)
        session.pause()
        self.place.found = (evolve(container("next"), started=5.0),)
        session.on_changes()
        self.assertEqual({stream.state for stream in self.engine.streams.values()}, {"paused"})
        session.resume()
        self.assertEqual({stream.state for stream in self.engine.streams.values()}, {"read"})

    def test_gone(self) -> None:
        """Nothing stays open when the other side is gone."""
        session = self.session(follow=True)
        session.gone()
        self.assertEqual({stream.state for stream in self.engine.streams.values()}, {"closed"})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_unreadable(self) -> None:
        """A log that the Engine does not give is a note, and the others go on."""
        self.engine.refuses = {"old"}
        self.session()
        self.assertIn((FrameKind.NOTE, b"its logging driver cannot be read"), self.sent.frames)
        self.engine.streams["new"].end()
        self.assertEqual(self.sent.over, "STATUS 0")

    def test_many_lines(self) -> None:
        """Lines that arrive together are sent in few frames, each of whole lines of one stream."""
        self.place = OnePlace(self.old)
        self.session()
        reader = self.engine.streams["old"].reader
        assert reader is not None
        content = STAMP + b"x" * 70 + b"\n"
        reader.received((b"\1\0\0\0" + len(content).to_bytes(4) + content) * 600)
        frames = [content for kind, content in self.sent.frames if kind is FrameKind.OUTPUT]
        self.assertEqual((len(frames), sum(frame.count(b"\n") for frame in frames)), (2, 600))
        self.assertTrue(all(frame.endswith(b"\n") for frame in frames))

    def test_takes_nothing(self) -> None:
        """A session that reads a log sends nothing."""
        self.assertRaises(BadInput, self.session().frame, FrameKind.INPUT, b"")
