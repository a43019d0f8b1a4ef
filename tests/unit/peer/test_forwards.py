"""A connection to a port of a container: where it goes, and how each direction ends, with a program at loopback."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any, cast

from twisted.internet import reactor as real_reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from daprdockr.engine.streams import EngineStreams
from daprdockr.model.errors import BadInput
from daprdockr.model.frames import FrameKind
from daprdockr.model.host import ContainerState
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import ServiceName
from daprdockr.model.session import ForwardAsked
from daprdockr.peer.admission import SessionRefused
from daprdockr.peer.channel import PeerChannel
from daprdockr.peer.forwards import ForwardSession, address_of
from daprdockr.peer.on_this_node import OnThisNode
from tests.build.situations import container
from tests.build.values import KEYS, instance
from tests.fakes.peer_channel import SentFrames

reactor: Any = real_reactor


class AddressTests(SynchronousTestCase):
    def test_networks(self) -> None:
        """A container is reached at its own address, one on the host's network at loopback, one without any nowhere."""
        for mode, networks, expected in (
            ("bridge", {"bridge": {"IPAddress": "172.17.0.2"}}, "172.17.0.2"),
            ("own", {"own": {"IPAddress": "", "GlobalIPv6Address": "fd00::2"}}, "fd00::2"),
            ("host", {"host": {"IPAddress": ""}}, "127.0.0.1"),
            ("none", {"none": {"IPAddress": ""}}, ""),
            ("bridge", None, ""),
        ):
            found = {"HostConfig": {"NetworkMode": mode}, "NetworkSettings": {"Networks": networks}}
            self.assertEqual(address_of(found), expected)


class Channel(SentFrames):
    """A channel whose ``changes`` are awaited."""

    def __init__(self) -> None:
        super().__init__()
        self.awaited: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def until(self, holds: Callable[[], bool]) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self.awaited.append((holds, done))
        self.look()
        return done.addTimeout(20, reactor)

    def look(self) -> None:
        for pair in [pair for pair in self.awaited if pair[0]()]:
            self.awaited.remove(pair)
            pair[1].callback(None)

    def send(self, kind: FrameKind, content: bytes = b"") -> None:
        super().send(kind, content)
        self.look()

    def finish(self, kind: FrameKind, content: bytes = b"") -> None:
        super().finish(kind, content)
        self.look()

    def pauseInput(self) -> None:  # noqa: N802  as PeerChannel has it
        super().pauseInput()
        self.look()

    def resumeInput(self) -> None:  # noqa: N802
        super().resumeInput()
        self.look()

    @property
    def output(self) -> bytes:
        return b"".join(content for kind, content in self.frames if kind is FrameKind.OUTPUT)


class Program(Protocol):
    """The program in the container, at loopback."""

    def __init__(self, look: Callable[[], None]) -> None:
        self.received = b""
        self.is_lost = False
        self._look = look

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._look()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_lost = True
        self._look()


class Here:
    """A container on the host's network, or none."""

    def __init__(self, *containers: ContainerState, mode: str = "host") -> None:
        self._containers = containers
        self._mode = mode
        self.events: list[str] = []
        self.node = OnThisNode("a", self, Cluster(KEYS), cast(EngineStreams, self), self.record)

    def record(self, subject: str, text: str, by: str) -> None:
        self.events.append(f"{subject} {text}")

    def of(self, service: ServiceName) -> Mapping[int, tuple[ContainerState, ...]]:
        return {1: self._containers}

    async def ask(self, doing: str, method: str, path: str, body: object = None) -> Any:
        return {"HostConfig": {"NetworkMode": self._mode}}

    def session(self, channel: Channel, port: int) -> ForwardSession:
        return ForwardSession(cast(PeerChannel, channel), ForwardAsked(instance(1), port), self.node, reactor)


class ForwardTests(TestCase):
    def setUp(self) -> None:
        self.channel, self.programs = Channel(), list[Program]()
        self.listener = reactor.listenTCP(0, Factory.forProtocol(self.program), interface="127.0.0.1")
        self.listener.factory.noisy = False
        self.addCleanup(self.listener.stopListening)

    def program(self) -> Program:
        self.programs.append(Program(self.channel.look))
        reactor.callLater(0, self.channel.look)  # when it is connected
        return self.programs[-1]

    async def begun(self) -> tuple[ForwardSession, Program]:
        session = Here(container()).session(self.channel, self.listener.getHost().port)
        await session.begin("anna@desk")
        await self.channel.until(lambda: bool(self.programs) and bool(self.programs[0].connected))
        return session, self.programs[0]

    async def test_there_and_back(self) -> None:
        """Octets go both ways, each direction ends by itself, and both ends end the session."""
        session, program = await self.begun()
        session.frame(FrameKind.INPUT, b"question")
        await self.channel.until(lambda: program.received == b"question")
        transport: Any = program.transport
        transport.write(b"answer")
        transport.loseWriteConnection()
        await self.channel.until(lambda: (FrameKind.OUTPUT_ENDS, b"") in self.channel.frames)
        self.assertEqual((self.channel.output, self.channel.over), (b"answer", ""))
        session.frame(FrameKind.INPUT, b" and thanks")
        session.frame(FrameKind.INPUT_ENDS, b"")
        await self.channel.until(lambda: self.channel.over != "" and program.is_lost)
        self.assertEqual((self.channel.over, program.received), ("STATUS 0", b"question and thanks"))

    async def test_stalled_reader(self) -> None:
        """While the other side does not read, the program is not read: what is in memory is bounded."""
        session, program = await self.begun()
        session.pause()
        size, transport = 8 * 1024 * 1024, cast(Any, program.transport)
        transport.write(b"x" * size)
        await self.waited(0.05)
        self.assertTrue(len(self.channel.output) <= 128 * 1024, len(self.channel.output))
        session.resume()
        await self.channel.until(lambda: len(self.channel.output) == size)
        session.gone()
        await self.channel.until(lambda: program.is_lost)

    async def test_stalled_program(self) -> None:
        """While the program does not read, the other side's input is paused, and goes on afterwards."""
        session, program = await self.begun()
        cast(Any, program.transport).pauseProducing()
        for _ in range(1024):
            session.frame(FrameKind.INPUT, b"x" * 32768)
            if self.channel.input:
                break
        await self.channel.until(lambda: self.channel.input == ["paused"])
        cast(Any, program.transport).resumeProducing()
        await self.channel.until(lambda: self.channel.input[-1] == "resumed")
        session.gone()
        await self.channel.until(lambda: program.is_lost)

    async def test_gone(self) -> None:
        """The connection of a session that is gone is closed."""
        session, program = await self.begun()
        session.gone()
        await self.channel.until(lambda: program.is_lost)

    async def test_misused(self) -> None:
        """A frame without a use is refused."""
        session, program = await self.begun()
        self.assertRaises(BadInput, session.frame, FrameKind.SIGNAL, b"INT")
        session.gone()
        await self.channel.until(lambda: program.is_lost)

    async def test_event(self) -> None:
        """One event says who connects to which port from where, however many connections there are."""
        here, port = Here(container()), self.listener.getHost().port
        for by in ("anna@desk", "anna@desk", ""):
            session = here.session(self.channel, port)
            await session.begin(by)
            session.gone()
        self.assertEqual(
            here.events,
            [f"1.web.myapp {by} connects to port {port} from 192.0.2.1" for by in ("anna@desk", "somebody")],
        )
        await self.channel.until(lambda: len(self.programs) == 3 and all(one.is_lost for one in self.programs))

    async def test_refused(self) -> None:
        """No container, no network and a port where nothing listens are one line each, before anything is accepted."""
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        for here, text in (
            (Here(), "1.web.myapp has no container that runs on a"),
            (Here(container(), mode="none"), "1.web.myapp has no network"),
            (Here(container()), f"port {port} of 1.web.myapp does not answer on a"),
        ):
            session = here.session(self.channel, port)
            with self.assertRaises(SessionRefused) as refused:
                await session.begin("anna@desk")
            self.assertIn(text, str(refused.exception))
            self.assertEqual(here.events, [])
            session.pause()
            session.resume()
            session.gone()
        self.assertEqual(self.channel.frames, [])

    async def waited(self, seconds: float) -> None:
        done: Deferred[None] = Deferred()
        reactor.callLater(seconds, done.callback, None)
        await done
