"""Archives of volumes both ways: what is asked of the Engine, how they end, and what is left behind."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.streams import EngineAnswer, EngineStreams
from daprdockr.model.errors import BadInput, ContainerAbsent, EngineRefused
from daprdockr.model.frames import FrameKind
from daprdockr.model.host import ContainerState, Status
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import ServiceName
from daprdockr.model.session import BackupAsked, RestoreAsked
from daprdockr.peer.admission import NotHere, SessionRefused
from daprdockr.peer.archives import BackupSession, RestoreSession
from daprdockr.peer.channel import PeerChannel
from daprdockr.peer.on_this_node import OnThisNode
from tests.build.situations import container
from tests.build.values import KEYS, instance
from tests.fakes.log_lines import LogLines
from tests.fakes.peer_channel import SentFrames
from tests.fakes.wire import Wire

END, ZEROS = bytes(1024), bytes(2048)
FIRST = "daprdockr-archive-daprdockr-a-1"
MOUNTS = [
    {"Type": "volume", "Name": "data", "Destination": "/data"},
    {"Type": "bind", "Source": "/etc", "Destination": "/etc"},
    {"Type": "volume", "Name": "logs", "Destination": "/logs"},
]


def header() -> bytes:
    """The header of a file that has nothing but zeros."""
    entry = tarfile.TarInfo("ab")
    entry.size = len(ZEROS)
    return entry.tobuf()


HEADER = header()


class Engine:
    """An Engine with one container of the instance; ``made`` are the names of those that are there beside it."""

    def __init__(self, *containers: ContainerState) -> None:
        self.containers = containers
        self.mounts: Any = MOUNTS
        self.made: list[str] = []
        self.bodies: list[Any] = []
        self.refuses = ""
        self.wire = Wire()
        self.answer: EngineAnswer | None = None
        self.path = ""
        self.inspected = ""

    def of(self, service: ServiceName) -> Mapping[int, tuple[ContainerState, ...]]:
        return {1: self.containers}

    async def ask(self, doing: str, method: str, path: str, body: object = None) -> Any:
        name = path.removeprefix("/containers/").partition("?")[0]
        if self.refuses == method:
            raise EngineRefused(f"refused to {doing}")
        if method == "POST":
            self.bodies.append(body)
            self.made += parse_qs(urlsplit(path).query)["name"]
            return {"Id": "made"}
        if method == "DELETE":
            if name not in self.made:
                raise ContainerAbsent("no such container")
            self.made.remove(name)
            return None
        if name == "json":
            owner = "io.daprdockr.archive=/daprdockr/a"
            assert json.loads(parse_qs(urlsplit(path).query)["filters"][0]) == {"label": [owner]}
            return [{"Names": None}, *({"Names": [f"/{one}"]} for one in self.made)]  # one is being removed
        self.inspected = name.removesuffix("/json")
        return {"Image": "sha256:1", "Mounts": self.mounts}

    async def connect(self, answer: EngineAnswer, doing: str) -> None:
        if self.refuses == "archive":
            raise EngineRefused(f"refused to {doing}")
        self.answer = answer
        answer.makeConnection(cast(Any, self.wire))

    async def read(self, doing: str, path: str) -> EngineAnswer:
        self.path = path
        await self.connect(EngineAnswer(b"", doing), doing)
        assert self.answer is not None
        self.answer.dataReceived(b"HTTP/1.0 200 OK\r\n\r\n" + HEADER[:2])
        return self.answer

    def close(self) -> None:
        assert self.answer is not None
        self.answer.readConnectionLost()
        self.answer.connectionLost(Failure(ConnectionDone()))


class ArchiveCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.engine = Engine(container())
        self.channel = SentFrames()
        self.told: list[str] = []
        self.here = OnThisNode(
            "a",
            self.engine,
            Cluster(KEYS),
            cast(EngineStreams, self.engine),
            lambda subject, text, by: self.told.append(f"{subject} {text}"),
        )

    def backup(self, volume: str = "data") -> BackupSession:
        session = BackupSession(cast(PeerChannel, self.channel), BackupAsked(instance(1), volume), self.here)
        self.begun = Deferred.fromCoroutine(session.begin("anna@desk"))
        return session

    def restore(self) -> RestoreSession:
        session = RestoreSession(cast(PeerChannel, self.channel), RestoreAsked(instance(1), "data"), self.here)
        self.begun = Deferred.fromCoroutine(session.begin("anna@desk"))
        return session

    @property
    def output(self) -> bytes:
        return b"".join(content for kind, content in self.channel.frames if kind is FrameKind.OUTPUT)

    @property
    def answer(self) -> EngineAnswer:
        assert self.engine.answer is not None
        return self.engine.answer


class ReachTests(ArchiveCase):
    def test_container(self) -> None:
        """A container is made that has the volume alone, of the instance's image, and is removed at the end."""
        session = self.backup()
        self.successResultOf(self.begun)
        (body,) = self.engine.bodies
        (mount,) = body["HostConfig"]["Mounts"]
        self.assertEqual(
            (body["Image"], mount["Source"], mount["VolumeOptions"]), ("sha256:1", "data", {"NoCopy": True})
        )
        self.assertEqual((self.engine.made, self.here.reaching), ([FIRST], {FIRST}))
        self.assertEqual(self.told, ["1.web.myapp anna@desk backs up volume data to 192.0.2.1"])
        self.assertEqual(urlsplit(self.engine.path).path, f"/containers/{FIRST}/archive")
        self.assertEqual(parse_qs(urlsplit(self.engine.path).query), {"path": ["/volume/."]})
        session.gone()
        self.engine.close()
        self.assertEqual((self.engine.made, self.here.reaching), ([], set()))

    def test_several(self) -> None:
        """Sessions at the same time have a container each; what an earlier agent left is removed."""
        self.engine.made = ["left"]
        self.backup()
        self.backup()
        self.assertEqual(self.engine.made, [FIRST, FIRST[:-1] + "2"])

    def test_which(self) -> None:
        """The volumes are those of a container that runs, or else of the last one."""
        self.engine.containers = container("c1"), container("c2", status=Status.EXITED, started=20.0)
        self.backup()
        self.assertEqual(self.engine.inspected, "c1")

    def test_refused(self) -> None:
        """No container, and no such volume, are one line each, and nothing is made."""
        self.backup("other")
        text = str(self.failureResultOf(self.begun, NotHere).value)
        self.assertEqual(text, "1.web.myapp has no volume other: it has data, logs")
        self.engine.mounts = None
        self.backup()
        self.assertIn("it has none", str(self.failureResultOf(self.begun, SessionRefused).value))
        self.engine.containers = ()
        self.backup()
        self.assertIn("has no container on a", str(self.failureResultOf(self.begun, SessionRefused).value))
        self.assertEqual((self.engine.made, self.channel.frames), ([], []))

    def test_engine_refuses(self) -> None:
        """A refusal of the Engine is said, and leaves nothing behind."""
        for refuses in ("POST", "archive"):
            for begin in (self.backup, self.restore):
                self.engine.refuses = refuses
                begin()
                self.failureResultOf(self.begun, EngineRefused)
                self.assertEqual((self.engine.made, self.here.reaching), ([], set()))

    def test_stays(self) -> None:
        """A container that the Engine does not remove is said in the log, and may be removed by the next session."""
        lines = LogLines(self)
        session = self.backup()
        self.engine.refuses = "DELETE"
        session.gone()
        self.engine.close()
        self.assertEqual((self.engine.made, self.here.reaching), ([FIRST], set()))
        self.assertEqual(len(lines("a container for a volume stays")), 1)
        self.engine.refuses = ""
        self.backup()
        self.assertEqual(self.engine.made, [FIRST])


class BackupTests(ArchiveCase):
    def test_whole(self) -> None:
        """All that the Engine sends is sent on, in pieces, and the end of an archive is a good one."""
        self.backup()
        self.answer.dataReceived(HEADER[2:] + ZEROS + END[:1000])
        self.answer.dataReceived(END[1000:])
        self.engine.close()
        self.assertEqual((self.output, self.channel.over), (HEADER + ZEROS + END, "STATUS 0"))

    def test_cut_off(self) -> None:
        """An archive without its end is not whole, though it ends in the middle of a file of nothing but zeros."""
        self.backup()
        self.answer.dataReceived(HEADER[2:] + ZEROS[: len(END)])
        self.engine.close()
        self.assertIn("ended the archive of volume data too early, as it does if a file", self.channel.over)

    def test_paused(self) -> None:
        """While the other side does not read, the Engine is not read."""
        session = self.backup()
        session.pause()
        self.assertEqual(self.engine.wire.producerState, "paused")
        session.resume()
        self.assertEqual(self.engine.wire.producerState, "producing")
        self.assertRaises(BadInput, session.frame, FrameKind.INPUT, b"x")

    def test_before_it_began(self) -> None:
        """A session whose stream is not there yet can be paused and lost."""
        session = BackupSession(cast(PeerChannel, self.channel), BackupAsked(instance(1), "data"), self.here)
        session.pause()
        session.resume()
        session.gone()
        self.assertEqual(self.channel.frames, [])


class RestoreTests(ArchiveCase):
    CUT = "1.web.myapp the restore of volume data was cut off, "

    def test_whole(self) -> None:
        """The content is sent on in chunks; when the Engine has taken all of it the session has ended well."""
        session = self.restore()
        self.successResultOf(self.begun)
        self.assertEqual(self.told, ["1.web.myapp anna@desk restores volume data from 192.0.2.1"])
        self.engine.wire.clear()
        session.frame(FrameKind.INPUT, b"ab" + END)
        session.frame(FrameKind.INPUT_ENDS, b"")
        self.assertTrue(self.engine.wire.value().endswith(b"0\r\n\r\n"))
        self.assertEqual(self.channel.over, "")
        self.answer.dataReceived(b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertEqual((self.channel.over, self.engine.made, len(self.told)), ("STATUS 0", [], 1))
        session.gone()
        self.assertEqual(len(self.told), 1)

    def test_half(self) -> None:
        """An archive without its end is given up, which the line and an event say."""
        session = self.restore()
        session.frame(FrameKind.INPUT, b"ab")
        session.frame(FrameKind.INPUT_ENDS, b"")
        self.assertTrue(self.engine.wire.aborted)
        self.engine.close()
        self.assertEqual(
            self.channel.over, "the archive ends too early: volume data has a part of it, restore it again"
        )
        self.assertEqual(self.told[1:], [f"{self.CUT}the archive ends too early: a part of it is there"])
        self.assertEqual(self.engine.made, [])

    def test_gone(self) -> None:
        """So is one whose sender is gone."""
        session = self.restore()
        session.frame(FrameKind.INPUT, b"ab")
        session.gone()
        self.engine.close()
        self.assertEqual(self.told[1:], [f"{self.CUT}the sender is gone: a part of it is there"])
        self.assertEqual(self.engine.made, [])

    def test_refused(self) -> None:
        """A refusal of the Engine is passed on."""
        session = self.restore()
        session.pause()
        session.resume()
        self.answer.dataReceived(b'HTTP/1.1 400 Bad\r\n\r\n{"message": "no space left on device"}')
        self.engine.close()
        self.assertIn("no space left on device; volume data may have a part", self.channel.over)
        self.assertEqual(self.engine.made, [])
        self.assertRaises(BadInput, session.frame, FrameKind.SIGNAL, b"INT")

    def test_fault(self) -> None:
        """A fault of the agent is in its log."""
        lines = LogLines(self)
        self.restore()
        self.answer.began.errback(ValueError("odd"))
        self.assertEqual(len(lines("a restore is at fault")), 1)
        self.flushLoggedErrors(ValueError)
