"""A command in a container, between a channel and an Engine that the test plays."""

from __future__ import annotations

from collections.abc import Mapping
from signal import Signals
from typing import Any, cast

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.byte_stream import StreamReader
from daprdockr.engine.streams import EngineStreams
from daprdockr.model.errors import BadInput, EngineSilent, EngineUnavailable
from daprdockr.model.frames import FrameKind, window
from daprdockr.model.host import ContainerState, Status
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import ServiceName
from daprdockr.model.session import ExecAsked
from daprdockr.peer.admission import SessionRefused
from daprdockr.peer.channel import PeerChannel
from daprdockr.peer.commands import GRACE, SETTLE, SETTLE_STEP, CommandSession
from daprdockr.peer.on_this_node import OnThisNode
from tests.build.situations import container
from tests.build.values import KEYS, instance
from tests.fakes.peer_channel import SentFrames
from tests.fakes.run import LoopClock


class Stream:
    def __init__(self) -> None:
        self.reader: StreamReader | None = None
        self.written = b""
        self.state = "open"

    def begin(self, reader: StreamReader) -> None:
        self.reader = reader

    def feed_from(self, producer: object) -> None:
        self.fed_from = producer

    def write(self, data: bytes) -> None:
        self.written += data

    def end_input(self) -> None:
        self.written += b"$"

    def pause(self) -> None:
        self.state = "paused"

    def resume(self) -> None:
        self.state = "open"

    def close(self) -> None:
        self.state = "closed"


class Engine:
    """An Engine that runs one command; ``known`` is what it says of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.stream = Stream()
        self.known: dict[str, Any] = {"Running": True, "ExitCode": None, "Pid": 0}
        self.is_down = False
        self.is_silent = False

    async def ask(self, doing: str, method: str, path: str, body: Any = None) -> Any:
        self.asked.append((method, path, body))
        if self.is_down:
            raise EngineUnavailable("it does not answer")
        return {"Id": "e1"} if path.endswith("/exec") else self.known

    async def upgrade(self, doing: str, path: str, body: Any) -> Stream:
        if self.is_silent:
            raise EngineSilent("it did not answer in time")
        return self.stream


class Found:
    def __init__(self, *containers: ContainerState) -> None:
        self.containers = containers

    def of(self, service: ServiceName) -> Mapping[int, tuple[ContainerState, ...]]:
        return {1: self.containers}


class CommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.sent, self.engine = LoopClock(), SentFrames(), Engine()
        self.events: list[tuple[str, ...]] = []
        self.containers = Found(container())
        self.signals: list[str] = []

    def begin(self, **asked: Any) -> CommandSession:
        here = OnThisNode(
            "a",
            self.containers,
            Cluster(KEYS),
            cast(EngineStreams, self.engine),
            lambda *event: self.events.append(event),
        )
        wanted = evolve(ExecAsked(instance(1), ("sh", "-c", "a b")), **asked)
        self.session = CommandSession(cast(PeerChannel, self.sent), wanted, here, self.clock, self.send)
        self.successResultOf(Deferred.fromCoroutine(self.session.begin("anna@desk")))
        return self.session

    def send(self, execution: Mapping[str, Any], number: Signals) -> bool:
        if execution.get("Pid"):
            self.signals.append(number.name)
        return bool(execution.get("Pid"))

    def end(self, status: int | None = 0) -> None:
        self.engine.known = {"Running": False, "ExitCode": status}
        self.session.ended()

    def test_plain(self) -> None:
        """Output and errors are sent apart, then the status; input is not waited for; an event says who did it."""
        session = self.begin()
        session.received(b"\1\0\0\0\0\0\0\2hi\2\0\0\0\0\0\0\2no")
        self.end(7)
        self.assertEqual(
            self.sent.frames, [(FrameKind.ACCEPTED, b""), (FrameKind.OUTPUT, b"hi"), (FrameKind.ERRORS, b"no")]
        )
        self.assertEqual((self.sent.over, self.engine.stream.written), ("STATUS 7", b"$"))
        self.assertEqual(self.events, [("1.web.myapp", "anna@desk runs sh -c 'a b' from 192.0.2.1", "anna@desk")])

    def test_terminal(self) -> None:
        """With a terminal there is one stream, and its size is set, also later."""
        session = self.begin(terminal=True, input=True, rows=24, columns=80)
        session.received(b"\1\0\0\0")
        session.frame(FrameKind.INPUT, b"ls\n")
        session.frame(FrameKind.WINDOW, window(40, 120))
        session.frame(FrameKind.INPUT_ENDS, b"")
        self.assertEqual(self.sent.frames[1:], [(FrameKind.OUTPUT, b"\1\0\0\0")])
        self.assertEqual(self.engine.stream.written, b"ls\n$")
        sizes = [path for _, path, _ in self.engine.asked if "resize" in path]
        self.assertEqual(sizes, ["/exec/e1/resize?h=24&w=80", "/exec/e1/resize?h=40&w=120"])

    def test_late_status(self) -> None:
        """The status may be known a moment after the end of the output."""
        self.begin()
        self.end(None)
        self.assertEqual(self.sent.over, "")
        self.engine.known = {"Running": False, "ExitCode": 3}
        self.clock.advance(SETTLE_STEP)
        self.assertEqual(self.sent.over, "STATUS 3")

    def test_no_status(self) -> None:
        """An Engine that is gone before it said the status is a failure, not a success."""
        self.begin()
        self.engine.is_down = True
        self.end()
        self.assertIn("does not answer", self.sent.over)

    def test_stalled(self) -> None:
        """The Engine is not read while the other side does not read."""
        session = self.begin()
        session.pause()
        self.assertEqual(self.engine.stream.state, "paused")
        session.resume()
        self.assertEqual(self.engine.stream.state, "open")

    def test_signal(self) -> None:
        """A signal waits until the Engine knows the process, which may have written something by then."""
        session = self.begin()
        session.received(b"\1\0\0\0\0\0\0\5ready")
        session.frame(FrameKind.SIGNAL, b"TERM")
        session.frame(FrameKind.SIGNAL, b"no signal")
        self.assertEqual(self.signals, [])
        self.engine.known["Pid"] = 7
        self.clock.pump([SETTLE_STEP] * 3)
        self.assertEqual(self.signals, ["SIGTERM"])

    def test_signal_to_none(self) -> None:
        """A signal to a command that has ended, or whose process never appears, goes nowhere."""
        self.begin().frame(FrameKind.SIGNAL, b"TERM")
        self.clock.pump([SETTLE_STEP] * 150)
        self.assertEqual((self.signals, self.clock.getDelayedCalls()), ([], []))
        self.engine.known = {"Running": False, "ExitCode": 0, "Pid": 7}
        self.session.frame(FrameKind.SIGNAL, b"TERM")
        self.assertEqual((self.signals, self.clock.getDelayedCalls()), ([], []))

    def test_hung_up(self) -> None:
        """The command of a lost session gets HUP, and KILL when it runs on."""
        session = self.begin()
        session.gone()
        self.engine.known["Pid"] = 7
        self.clock.pump([0.5] * int(2 * GRACE + 4))
        self.assertEqual((self.signals[0], self.signals[1]), ("SIGHUP", "SIGKILL"))

    def test_gone(self) -> None:
        """The command of a lost session is followed to its end, however late the Engine knows it."""
        session = self.begin()
        session.gone()
        self.assertEqual(self.engine.stream.state, "closed")
        self.engine.is_down = True
        self.clock.advance(1)
        self.engine.is_down = False
        self.clock.advance(1)
        self.assertNotEqual(self.clock.getDelayedCalls(), [])
        self.engine.known = {"Running": False, "ExitCode": 129}
        self.clock.advance(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_begun_late(self) -> None:
        """A command that the Engine starts after it was given up, because it did not answer, is ended as well."""
        self.engine.is_silent = True
        here = OnThisNode("a", self.containers, Cluster(KEYS), cast(EngineStreams, self.engine), lambda *event: None)
        asked = ExecAsked(instance(1), ("a",))
        session = CommandSession(cast(PeerChannel, self.sent), asked, here, self.clock, self.send)
        self.failureResultOf(Deferred.fromCoroutine(session.begin("x")), EngineSilent)
        self.clock.advance(1)
        self.engine.known["Pid"] = 7
        self.clock.advance(1)
        self.assertEqual(self.signals, ["SIGHUP"])
        self.engine.known = {"Running": False, "ExitCode": 129}
        self.clock.advance(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_given_up(self) -> None:
        """It is not followed endlessly."""
        self.begin().gone()
        self.clock.pump([0.5] * int(4 * GRACE + 4))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_refused(self) -> None:
        """Without a container that runs nothing begins, and no event says so."""
        self.containers = Found(container(status=Status.EXITED))
        here = OnThisNode(
            "a", self.containers, Cluster(KEYS), cast(EngineStreams, self.engine), lambda *event: self.fail()
        )
        session = CommandSession(cast(PeerChannel, self.sent), ExecAsked(instance(1), ("a",)), here, self.clock)
        self.failureResultOf(Deferred.fromCoroutine(session.begin("x")), SessionRefused)

    def test_misused(self) -> None:
        """A frame without a use is refused."""
        self.assertRaises(BadInput, self.begin().frame, FrameKind.OUTPUT, b"")

    def test_no_size(self) -> None:
        """A size that is not known, or that the Engine does not set, changes nothing, and the command goes on."""
        session = self.begin(terminal=True)
        self.engine.is_down = True
        session.frame(FrameKind.WINDOW, window(40, 120))
        self.assertEqual(self.sent.over, "")
        self.assertEqual([path for _, path, _ in self.engine.asked if "resize" in path], ["/exec/e1/resize?h=40&w=120"])

    def test_never_known(self) -> None:
        """An Engine that does not know the status in time is a failure in one line."""
        self.begin()
        self.end(None)
        self.clock.pump([SETTLE_STEP] * (int(SETTLE / SETTLE_STEP) + 1))
        self.assertIn("did not report the exit status", self.sent.over)

    def test_once(self) -> None:
        """The end of the output, the loss of its stream and the loss of the session are one end."""
        session = self.begin()
        self.end(0)
        session.lost()
        session.gone()
        self.assertEqual([path for _, path, _ in self.engine.asked].count("/exec/e1/json"), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_fault_of_ours(self) -> None:
        """An error that nobody thought of is in the log of the agent, and harms no other session."""
        session = self.begin()
        self.engine.known = {"Running": False, "ExitCode": "none"}
        session.ended()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_input_stalls(self) -> None:
        """While the command takes no input, none is read from the other side."""
        self.begin(input=True)
        producer: Any = self.engine.stream.fed_from
        producer.pauseProducing()
        producer.resumeProducing()
        producer.stopProducing()
        self.assertEqual(self.sent.input, ["paused", "resumed"])
