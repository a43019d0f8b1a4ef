"""``forward``: its word, the port here, and connections from it to a node at loopback."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.commands.forward import ForwardWish, accept_all, listening
from daprdockr.cli.console import Console
from daprdockr.cli.parse import read_request
from daprdockr.model.errors import BadInput
from daprdockr.model.frames import FrameKind
from daprdockr.model.session import ForwardAsked
from daprdockr.model.stored.claim import ClaimRecord
from tests.build.command_line import ShowCase
from tests.build.values import KEYS, instance
from tests.fakes.command_line import command_line
from tests.fakes.peer_node import PATIENCE, PeerConnection, PeerNode


class WordTests(SynchronousTestCase):
    def test_read(self) -> None:
        """Loopback unless another address is named, which may be IPv6."""
        asked = ForwardAsked(instance(1), 80)
        for text, address, port in (
            ("8080:1.web.myapp:80", "127.0.0.1", 8080),
            ("0:1.web.myapp:80", "127.0.0.1", 0),
            ("0.0.0.0:8080:1.web.myapp:80", "0.0.0.0", 8080),
            ("[::1]:8080:1.web.myapp:80", "::1", 8080),
        ):
            self.assertEqual(ForwardWish.parse(text), ForwardWish(address, port, asked))

    def test_refused(self) -> None:
        """Anything else is one line."""
        for text in (
            "8080",
            "1.web.myapp:80",
            "8080:web.myapp:80",
            "8080:1.web.myapp:0",
            "70000:1.web.myapp:80",
            "x:1:1.web.myapp:80",
        ):
            self.assertRaises(BadInput, ForwardWish.parse, text)
        self.assertRaises(BadInput, read_request, ["forward"], {})
        self.assertRaises(BadInput, read_request, ["forward", "1:1.web.myapp:1", "2:1.web.myapp:2"], {})


class ForwardingTests(ShowCase):
    """The port here, and connections from it to a node at loopback."""

    def setUp(self) -> None:
        super().setUp()
        self.stdout, self.stderr = io.StringIO(), io.StringIO()
        self.console = Console(io.BytesIO(), self.stdout, self.stderr)
        self.request = read_request(["forward", "0:1.web.myapp:80"], {})

    def node(self, *plays: Callable[[PeerConnection], object]) -> None:
        node = PeerNode(self, *plays)
        self.claim(1, ClaimRecord("a"))
        self.store.put(KEYS.node("a"), node.record().encode(), self.store.lease)

    def listening(self) -> tuple[str, int]:
        """Forward in a thread until the test ends; return the address."""
        listener = listening(ForwardWish.parse(self.request.words[0]))
        self.addCleanup(listener.close)
        accepting = threading.Thread(target=self.accept, args=(listener,), daemon=True)
        accepting.start()
        self.addCleanup(accepting.join, PATIENCE)
        self.addCleanup(listener.shutdown, socket.SHUT_RDWR)
        address, port = listener.getsockname()
        return address, port

    def accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the test has ended
            accept_all(listener, self.request, self.store, self.console)

    def test_half_close(self) -> None:
        """A client ends its direction and still gets the whole answer; another one is served beside it."""

        def echo(one: PeerConnection) -> None:
            self.assertEqual(one.accept().asked, ForwardAsked(instance(1), 80))
            received = b""
            while (frame := one.next()) is not None and frame[0] is FrameKind.INPUT:
                received += frame[1]
            one.send((FrameKind.OUTPUT, received.upper()), (FrameKind.OUTPUT_ENDS, b""), (FrameKind.STATUS, b"0"))

        self.node(echo, echo)
        address = self.listening()
        with socket.create_connection(address, PATIENCE), socket.create_connection(address, PATIENCE) as client:
            client.sendall(b"hello")
            client.shutdown(socket.SHUT_WR)
            self.assertEqual((client.recv(100), client.recv(100)), (b"HELLO", b""))

    def test_client_gone(self) -> None:
        """A client that is gone takes its connection to the node with it, whatever a program there goes on to write."""
        heard: list[object] = []
        ended = threading.Event()

        def stream(one: PeerConnection) -> None:
            one.accept()
            heard.append(one.next())
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline and not ended.wait(0.02):
                try:
                    one.send((FrameKind.OUTPUT, b"event"))
                except OSError:
                    ended.set()

        self.node(stream)
        with socket.create_connection(self.listening(), PATIENCE) as client:
            client.sendall(b"hello")
            self.assertEqual(client.recv(5), b"event")
        self.assertTrue(ended.wait(PATIENCE / 2))
        self.assertEqual(heard, [(FrameKind.INPUT, b"hello")])

    def test_refused(self) -> None:
        """A connection that the node refuses is closed, with one line; the next one is tried again."""

        def refuse(one: PeerConnection) -> None:
            one.asked()
            one.send((FrameKind.REFUSED, b"port 80 of 1.web.myapp does not answer"))

        self.node(refuse, refuse)
        address = self.listening()
        for number in (1, 2):
            with socket.create_connection(address, PATIENCE) as client:
                self.assertEqual(client.recv(100), b"")
            self.assertEqual(self.stderr.getvalue().count("port 80 of 1.web.myapp does not answer\n"), number)

    def test_nowhere(self) -> None:
        """An instance on no node is exit status 3, before anything listens."""
        self.assertEqual(command_line(self.store, "forward", "0:1.web.myapp:80").status, 3)

    def test_taken(self) -> None:
        """A port that is taken is one line that names it."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.claim(1, ClaimRecord("a"))
            done = command_line(self.store, "forward", f"{port}:1.web.myapp:80")
        self.assertEqual(done.stderr, f"daprdockrcmd: cannot listen at 127.0.0.1 port {port}: Address already in use\n")
        self.assertEqual(done.status, 1)
