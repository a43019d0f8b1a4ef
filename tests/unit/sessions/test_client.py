"""Sessions with the agent of a node, at loopback and with real TLS: whom a command line trusts, and how one ends."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from itertools import count
from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput, NotFound
from daprdockr.model.frames import ABSENT, BUSY, MAX_FRAME, FrameKind, written
from daprdockr.model.session import LIFE, ExecAsked, SessionRequest, token_digest
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.token import TokenRecord
from daprdockr.sessions import client
from daprdockr.sessions.client import PeerSession, SessionBusy, SessionFailed, Sessions, address_of
from tests.build.values import KEYS, instance
from tests.fakes.peer_node import PeerConnection, PeerNode
from tests.fakes.store import MemoryStore
from tests.fakes.wire import VANISHED, silence

ASKED = ExecAsked(instance(1), ("true",))


def answering(*frames: tuple[FrameKind, bytes]) -> Callable[[PeerConnection], object]:
    """A play that answers what is asked for with these frames."""

    def play(one: PeerConnection) -> None:
        one.asked()
        one.send(*frames)

    return play


class SessionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 100.0
        self.store = MemoryStore()
        self.sessions = Sessions(self.store, KEYS, "anna@desk", lambda: self.now)

    def open(self, node: PeerNode) -> PeerSession:
        session = self.sessions.open("a", ASKED, node.record())
        self.addCleanup(session.close)
        return session

    def refusal(self, record: NodeRecord) -> str:
        return str(self.assertRaises(SessionFailed, self.sessions.open, "a", ASKED, record))


class TrustTests(SessionCase):
    """Note [Whom a command line trusts]."""

    def test_token(self) -> None:
        """The node gets a token whose digest stands in etcd for this node alone, under a lease, with who asks."""
        asked: list[SessionRequest] = []
        node = PeerNode(self, lambda one: asked.append(one.accept((FrameKind.STATUS, b"0"))))
        list(self.open(node).frames())
        (request,) = asked
        entry = self.store.get(KEYS.session(token_digest(request.token)))
        assert entry is not None
        self.assertEqual(TokenRecord.decode(entry.value), TokenRecord("a", "anna@desk"))
        self.assertEqual((request.asked, entry.lease != 0), (ASKED, True))

    def test_another_certificate(self) -> None:
        """Nothing is sent, and no token written, to a node that shows another certificate than its record names."""
        heard: list[object] = []
        node = PeerNode(self, lambda one: heard.append(one.next()))
        self.assertIn("nothing was sent", self.refusal(node.record(fingerprint="0" * 64)))
        node.wait()
        self.assertEqual((heard, self.store.list(KEYS.session("")).entries), ([None], ()))

    def test_lease(self) -> None:
        """Sessions share a lease as long as it lasts well beyond the opening; each has a token of its own."""
        tokens: list[str] = []

        def play(one: PeerConnection) -> None:
            tokens.append(one.accept().token)

        node = PeerNode(self, play, play, play)
        for later in (0.0, 1.0, LIFE / 3):
            self.now += later
            self.open(node).close()
        node.wait()
        entries = self.store.list(KEYS.session("")).entries
        self.assertEqual((len(set(tokens)), len({entry.lease for entry in entries})), (3, 2))


class OpeningTests(SessionCase):
    def test_vanished(self) -> None:
        """A node that vanishes in silence is known to be lost within two minutes, also where nothing is sent."""
        connection = self.open(PeerNode(self, lambda one: one.accept())).connection
        wanted = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE)]
        wanted += [(socket.IPPROTO_TCP, one) for one in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)]
        self.assertLessEqual(silence({one: connection.getsockopt(*one) for one in wanted}), VANISHED)

    def test_too_long(self) -> None:
        """A request that is too long for an agent is not sent, and the error says so; the node is not called lost."""
        heard: list[object] = []
        node = PeerNode(self, lambda one: heard.append(one.next()))
        script = ExecAsked(instance(1), ("sh", "-c", "x" * MAX_FRAME))
        error = self.assertRaises(SessionFailed, self.sessions.open, "a", script, node.record())
        node.wait()
        self.assertIn("by its stdin", str(error))
        self.assertEqual(heard, [None])

    def test_refused(self) -> None:
        """The error is the reason of the agent that refuses, such as that it is busy."""
        node = PeerNode(
            self,
            answering((FrameKind.REFUSED, b"a has 32 commands: try again later")),
            answering((FrameKind.REFUSED, b"")),
        )
        self.assertEqual(self.refusal(node.record()), "a has 32 commands: try again later")
        self.assertEqual(self.refusal(node.record()), "node a refused")

    def test_busy(self) -> None:
        """A node that will soon have room says so behind its refusal, at once or later; an older one says nothing."""

        def later(one: PeerConnection) -> None:
            one.asked()
            one.send((FrameKind.REFUSED, b"full"))
            one.send((FrameKind.STATUS, BUSY))

        refused = (FrameKind.REFUSED, b"full")
        for node in (PeerNode(self, answering(refused, (FrameKind.STATUS, BUSY))), PeerNode(self, later)):
            self.assertEqual(str(self.assertRaises(SessionBusy, self.open, node)), "full")
        error = self.assertRaises(SessionFailed, self.open, PeerNode(self, answering(refused)))
        self.assertNotIsInstance(error, SessionBusy)

    def test_absent(self) -> None:
        """The refusal of what a node does not have is a NotFound, too."""
        node = PeerNode(self, answering((FrameKind.REFUSED, b"no volume"), (FrameKind.STATUS, ABSENT)))
        error = self.assertRaises(SessionFailed, self.open, node)
        self.assertIsInstance(error, NotFound)
        self.assertEqual(str(error), "no volume")

    def test_no_agent_of_ours(self) -> None:
        """A node that ends the connection, or answers anything else, is one line."""

        def speak_http(one: PeerConnection) -> None:
            one.asked()
            one.connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        node = PeerNode(
            self,
            lambda one: one.asked(),
            answering((FrameKind.OUTPUT, b"hello")),
            speak_http,
        )
        self.assertIn("try again later", self.refusal(node.record()))
        self.assertIn("use the same version", self.refusal(node.record()))
        refusal = self.assertRaises(BadInput, self.sessions.open, "a", ASKED, node.record())
        self.assertIn("no agent of ours", str(refusal))

    def test_drops(self) -> None:
        """A node whose answer comes drop by drop is given up in time."""
        self.patch(client, "time", SimpleNamespace(monotonic=count(0.0, 20.0).__next__))

        def drop(one: PeerConnection) -> None:
            one.asked()
            with contextlib.suppress(OSError):
                for octet in written(FrameKind.NOTE, bytes(200)):
                    one.connection.sendall(bytes([octet]))

        self.assertIn("timed out", self.refusal(PeerNode(self, drop).record()))

    def test_refusal_drops(self) -> None:
        """Nor does one that refuses, and has more come drop by drop, keep anybody waiting."""
        moments = count(0.0, 20.0)
        self.patch(client, "time", SimpleNamespace(monotonic=moments.__next__))

        def drop(one: PeerConnection) -> None:
            one.asked()
            one.send((FrameKind.REFUSED, b"full"))
            with contextlib.suppress(OSError):
                for octet in written(FrameKind.NOTE, bytes(200)):
                    one.connection.sendall(bytes([octet]))

        self.assertEqual(self.refusal(PeerNode(self, drop).record()), "full")
        self.assertEqual(next(moments), 80.0)

    def test_nothing_listens(self) -> None:
        """A node without a listener, or whose record names none, is one line that names it."""
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        for peer, text in (
            (f"127.0.0.1:{port}", f"node a does not answer at 127.0.0.1:{port}: Connection refused"),
            ("nowhere", "node a does not answer at nowhere: its record names no address"),
            ("", "node a takes no sessions"),
        ):
            self.assertIn(text, self.refusal(NodeRecord(peer=peer)))

    def test_no_tls(self) -> None:
        """Something else at the address of a node is one line, too."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()
            record = NodeRecord(peer=f"127.0.0.1:{listener.getsockname()[1]}")
            self.assertIn("node a does not answer", self.refusal(record))

    def test_record(self) -> None:
        """The record of a node is read from etcd; without one there is no such node."""
        refusal = self.assertRaises(NotFound, self.sessions.open, "a", ASKED)
        self.assertIn("daprdockrcmd nodes", str(refusal))
        node = PeerNode(self, lambda one: one.accept((FrameKind.STATUS, b"0")))
        self.store.put(KEYS.node("a"), node.record().encode())
        session = self.sessions.open("a", ASKED)
        self.assertEqual(list(session.frames()), [(FrameKind.STATUS, b"0")])
        session.close()

    def test_addresses(self) -> None:
        """An address may be IPv6."""
        self.assertEqual(address_of(NodeRecord(peer="[fd00::1]:5081")), ("fd00::1", 5081))
        self.assertRaises(BadInput, address_of, NodeRecord(peer="a:b"))


class FramesTests(SessionCase):
    def test_status_is_last(self) -> None:
        """Frames that came with the acceptance, and later ones, end with the status."""

        def play(one: PeerConnection) -> None:
            one.accept((FrameKind.OUTPUT, b"a"))
            one.send((FrameKind.ERRORS, b"b"), (FrameKind.STATUS, b"7"), (FrameKind.OUTPUT, b"never"))

        session = self.open(PeerNode(self, play))
        expected = [(FrameKind.OUTPUT, b"a"), (FrameKind.ERRORS, b"b"), (FrameKind.STATUS, b"7")]
        self.assertEqual(list(session.frames()), expected)

    def test_lost(self) -> None:
        """A connection that ends before the status is a failure, and so is an agent that cannot go on."""
        node = PeerNode(
            self,
            lambda one: one.accept((FrameKind.OUTPUT, b"a")),
            answering((FrameKind.ACCEPTED, b""), (FrameKind.REFUSED, b"the Engine is gone")),
        )
        for text in ("node a is lost: its agent ended the connection", "the Engine is gone"):
            session = self.open(node)
            self.assertEqual(str(self.assertRaises(SessionFailed, list, session.frames())), text)

    def test_silent(self) -> None:
        """An agent that says nothing more is given up by the patience of who waits, which the error names."""
        session = self.open(PeerNode(self, lambda one: (one.accept(), one.next())))
        session.connection.settimeout(0.05)
        refusal = self.assertRaises(SessionFailed, list, session.frames())
        self.assertEqual(str(refusal), "node a did not go on within 0.05 s")
        session.close()

    def test_reset(self) -> None:
        """A session that was closed here meanwhile is lost for who reads it."""
        session = self.open(PeerNode(self, lambda one: (one.accept(), one.next())))
        session.close()
        self.assertIn("node a is lost", str(self.assertRaises(SessionFailed, list, session.frames())))
