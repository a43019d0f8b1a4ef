"""Sessions in both directions, with a node at loopback; the descriptors that their output goes to, as pipes."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.duplex import MOST_WAITING, Duplex, Sink
from daprdockr.model.frames import MAX_CONTENT, MAX_FRAME, FrameKind
from daprdockr.model.session import ForwardAsked
from daprdockr.sessions.client import SessionFailed, Sessions
from tests.build.values import KEYS, instance
from tests.fakes.peer_node import PATIENCE, PeerConnection, PeerNode, pipe
from tests.fakes.store import MemoryStore


class SinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.writer, False)
        self.addCleanup(os.close, self.writer)
        self.ends: list[str] = []

    def sink(self, lasts: bool = False) -> Sink:
        return Sink(self.writer, lambda: self.ends.append("end"), lasts)

    def test_written(self) -> None:
        """Content is written piece by piece, and the end comes behind all of it."""
        sink = self.sink()
        sink.add(b"x" * 5000)
        sink.write()
        sink.end()
        self.assertEqual((len(sink.waiting), self.ends), (904, []))
        sink.write()
        self.assertEqual((len(os.read(self.reader, 10_000)), self.ends), (5000, ["end"]))
        os.close(self.reader)

    def test_full(self) -> None:
        """A descriptor that takes nothing keeps what waits waiting."""
        sink = self.sink()
        sink.add(b"x" * 200_000)
        for _ in range(100):
            sink.write()
        self.assertTrue(0 < len(sink.waiting) < 200_000)
        os.close(self.reader)

    def test_broken(self) -> None:
        """Content for a reader that is gone is dropped; the end of a reader that has to last is the end of all."""
        os.close(self.reader)
        sink = self.sink()
        sink.add(b"x")
        sink.write()
        sink.add(b"y")
        self.assertEqual(len(sink.waiting), 0)
        lasting = self.sink(lasts=True)
        lasting.add(b"x")
        self.assertRaises(BrokenPipeError, lasting.write)

    def test_disk_full(self) -> None:
        """A disk that is full is no reader that is gone: who writes an archive has to hear of it."""
        full = os.open("/dev/full", os.O_WRONLY)
        self.addCleanup(os.close, full)
        for lasts in (True, False):
            sink = Sink(full, lasts=lasts)
            sink.add(b"x")
            if lasts:
                self.assertEqual(errno.ENOSPC, self.assertRaises(OSError, sink.write).errno)
            else:
                sink.write()
            self.assertTrue(sink.is_broken)


class DuplexTests(SynchronousTestCase):
    """A session with a node at loopback, between pipes of the test."""

    def setUp(self) -> None:
        self.sessions = Sessions(MemoryStore(), KEYS, "anna", time.monotonic)

    def duplex(self, *plays: Callable[[PeerConnection], object], source: int | None = None, **sinks: Sink) -> Duplex:
        node = PeerNode(self, *plays)
        session = self.sessions.open("a", ForwardAsked(instance(1), 80), node.record())
        self.addCleanup(session.close)
        return Duplex(session, source, {FrameKind[name]: sink for name, sink in sinks.items()})

    def test_both_ways(self) -> None:
        """Input goes there with its end, output comes from there, and the status is the result."""
        heard: list[object] = []

        def play(one: PeerConnection) -> None:
            one.accept((FrameKind.OUTPUT, b"first "))
            heard.extend([one.next(), one.next()])
            one.send((FrameKind.OUTPUT, b"last"), (FrameKind.ERRORS, b"no sink"), (FrameKind.STATUS, b"7"))

        source, writer = pipe(self)
        reader, sink = pipe(self)
        os.write(writer, b"typed")
        os.close(writer)
        self.assertEqual(self.duplex(play, source=source, OUTPUT=Sink(sink)).run(), 7)
        self.assertEqual(os.read(reader, 100), b"first last")
        self.assertEqual(heard, [(FrameKind.INPUT, b"typed"), (FrameKind.INPUT_ENDS, b"")])

    def test_half_close(self) -> None:
        """The other side may end its direction first: the sink ends when all is written, and input still goes there."""
        ends: list[bytes] = []
        source, writer = pipe(self)
        reader, sink = pipe(self)

        def output_ends() -> None:
            ends.append(os.read(reader, 100))
            os.write(writer, b"still")
            os.close(writer)

        def play(one: PeerConnection) -> None:
            one.accept((FrameKind.OUTPUT, b"all"), (FrameKind.OUTPUT_ENDS, b""))
            ends.extend([one.next()[1], one.next()[1]])  # type: ignore[index]
            one.send((FrameKind.STATUS, b"0"))

        duplex = self.duplex(play, source=source, OUTPUT=Sink(sink, self.once(output_ends)))
        self.assertEqual((duplex.run(), ends), (0, [b"all", b"still", b""]))

    def once(self, call: Callable[[], object]) -> Callable[[], object]:
        calls = [call]
        return lambda: calls.pop()() if calls else None

    def test_reader_stalls(self) -> None:
        """Of output that nobody reads a few frames wait here, and the node has to wait; all of it comes later."""
        reader, sink = pipe(self)
        os.set_blocking(sink, False)
        size, sent = 16 * 1024 * 1024, threading.Event()

        def play(one: PeerConnection) -> None:
            one.accept()
            for _ in range(size // MAX_CONTENT):
                one.send((FrameKind.OUTPUT, b"x" * MAX_CONTENT))
            sent.set()
            one.send((FrameKind.STATUS, b"0"))

        out, most, came = Sink(sink), 0, 0
        duplex = self.duplex(play, OUTPUT=out)
        done: list[int] = []
        running = threading.Thread(target=lambda: done.append(duplex.run()), daemon=True)
        running.start()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not out.waiting:
            time.sleep(0.01)
        self.assertFalse(sent.wait(0.3), "the node did not have to wait")
        most = len(out.waiting)
        while came < size:
            came += len(os.read(reader, 1 << 20))
        running.join(PATIENCE)
        self.assertEqual(done, [0])
        self.assertTrue(0 < most <= 2 * MAX_FRAME, most)

    def test_node_stalls(self) -> None:
        """Of input that the node does not read a bounded part waits here, and the source has to wait."""
        ends = socket.socketpair()
        for end in ends:
            self.addCleanup(end.close)
        here, there = ends
        size, go_on, taken = 16 * 1024 * 1024, threading.Event(), list[int]()
        there.setblocking(False)

        def play(one: PeerConnection) -> None:
            one.accept()
            go_on.wait(PATIENCE)
            while sum(taken) < size:
                taken.append(len(one.next()[1]))  # type: ignore[index]
            one.send((FrameKind.STATUS, b"0"))

        duplex = self.duplex(play, source=here.fileno())
        done: list[int] = []
        running = threading.Thread(target=lambda: done.append(duplex.run()), daemon=True)
        running.start()
        written = 0
        while select.select([], [there], [], 0.3)[1]:
            written += there.send(b"x" * 65536)
        self.assertTrue(len(duplex._out) <= MOST_WAITING + 2 * MAX_CONTENT, len(duplex._out))
        self.assertTrue(written < size, "the source did not have to wait")
        go_on.set()
        there.setblocking(True)
        there.sendall(b"x" * (size - written))
        running.join(PATIENCE)
        self.assertEqual((done, sum(taken)), ([0], size))

    def test_woken(self) -> None:
        """A function that was handed in is called when its descriptor is readable, and may send a frame."""
        heard: list[object] = []

        def play(one: PeerConnection) -> None:
            one.accept()
            heard.append(one.next())
            one.send((FrameKind.STATUS, b"0"))

        wake, waker = pipe(self)
        os.write(waker, b"!")
        duplex = self.duplex(play)
        self.assertEqual(duplex.run(wake, lambda: duplex.send(FrameKind.SIGNAL, b"INT")), 0)
        self.assertEqual(heard, [(FrameKind.SIGNAL, b"INT")])

    def test_source_breaks(self) -> None:
        """A source that breaks is one that ends."""
        heard: list[object] = []

        def play(one: PeerConnection) -> None:
            one.accept()
            heard.append(one.next())
            one.send((FrameKind.STATUS, b"0"))

        plain, client = socket.create_server(("127.0.0.1", 0)), socket.socket()
        client.connect(plain.getsockname())
        accepted, _ = plain.accept()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()  # a reset
        for one in (plain, accepted):
            self.addCleanup(one.close)
        self.assertEqual(self.duplex(play, source=accepted.fileno()).run(), 0)
        self.assertEqual(heard, [(FrameKind.INPUT_ENDS, b"")])

    def test_lost(self) -> None:
        """A node that ends the connection, or says that it cannot go on, is a failure in one line."""
        for play, text in (
            (lambda one: one.accept(), "node a is lost: its agent ended the connection"),
            (lambda one: (one.accept(), one.send((FrameKind.REFUSED, b"it is gone"))), "it is gone"),
        ):
            failure = self.assertRaises(SessionFailed, self.duplex(play).run)
            self.assertEqual(str(failure), text)

    def test_reset(self) -> None:
        """A connection that breaks is a failure in one line, too."""

        def play(one: PeerConnection) -> None:
            one.accept()
            one.next()
            one.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.connection.close()

        duplex = self.duplex(play)
        duplex.send(FrameKind.SIGNAL, b"INT")
        self.assertIn("node a is lost", str(self.assertRaises(SessionFailed, duplex.run)))

    def test_reset_while_reader_stalls(self) -> None:
        """A connection that broke is not examined without a pause while nobody reads the output; all of it comes."""
        reader, writer = pipe(self)
        os.set_blocking(writer, False)
        broken, failed = threading.Event(), list[SessionFailed]()

        def play(one: PeerConnection) -> None:
            one.accept(*[(FrameKind.OUTPUT, b"x" * MAX_CONTENT)] * 4)
            one.next()
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline and not out.waiting:
                time.sleep(0.01)
            one.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.connection.close()
            broken.set()

        def run() -> None:
            failed.append(self.assertRaises(SessionFailed, duplex.run))

        out = Sink(writer)
        duplex = self.duplex(play, OUTPUT=out)
        duplex.send(FrameKind.SIGNAL, b"INT")
        running = threading.Thread(target=run, daemon=True)
        running.start()
        self.assertTrue(broken.wait(PATIENCE))
        clock = time.pthread_getcpuclockid(running.ident or 0)
        before = time.clock_gettime(clock)
        running.join(0.5)
        self.assertLess(time.clock_gettime(clock) - before, 0.02)
        while running.is_alive():
            if select.select([reader], [], [], 0.05)[0]:
                os.read(reader, 1 << 20)
        self.assertEqual((0, 1), (len(out.waiting), len(failed)))
