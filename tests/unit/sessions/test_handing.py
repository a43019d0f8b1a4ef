"""An image handed to nodes at loopback, with real TLS: what each is sent, and who follows one that is lost."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import NotFound
from daprdockr.model.frames import BUSY, FrameKind, FrameReader
from daprdockr.model.images import Receipt
from daprdockr.model.session import ImageAsked, SessionRequest
from daprdockr.sessions.archive import read_archive
from daprdockr.sessions.client import PeerSession, open_session
from daprdockr.sessions.handing import Reports, hand
from tests.build.images import IMAGE, LAYERS, NAME, filled, listed, saved
from tests.fakes.peer_node import PeerConnection, PeerNode

TOKEN = "5f" * 32
DONE = (FrameKind.STATUS, b"0")
NOTHING = (FrameKind.OUTPUT, b"")


class HandingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.archive = read_archive(filled(self.enterContext(tempfile.TemporaryFile()), saved()), NAME)
        self.nodes: dict[str, PeerNode] = {}
        self.asked: list[tuple[str, ImageAsked]] = []
        self.taken: dict[str, bytes] = {}
        self.told: list[Receipt] = []
        self.sent: list[tuple[str, int, int]] = []

    def node(
        self, name: str, *then: Receipt, ending: tuple[FrameKind, bytes] | None = (FrameKind.STATUS, b"0")
    ) -> None:
        """A node that takes the image, and says this of itself and of others."""

        def play(one: PeerConnection) -> None:
            one.accept()
            self.taken[name] = self.received(one)
            frames = [(FrameKind.OUTPUT, handed.encode()) for handed in then]
            one.send(NOTHING, *frames, *([ending] if ending else []))

        self.play(name, play)

    def play(self, name: str, play: Callable[[PeerConnection], object]) -> None:
        self.nodes[name] = PeerNode(self, play)

    def received(self, one: PeerConnection) -> bytes:
        content = b""
        while (frame := one.next()) and frame[0] is FrameKind.INPUT:
            content += frame[1]
        self.assertEqual(frame, (FrameKind.INPUT_ENDS, b""))
        return content

    def opened(self, node: str, asked: ImageAsked) -> PeerSession:
        self.asked.append((node, asked))
        if node not in self.nodes:
            raise NotFound(f"node {node} has no agent")
        return open_session(node, self.nodes[node].record(), lambda: SessionRequest(TOKEN, asked))

    def hand(self, **nodes: int) -> dict[str, str]:
        """Hand it to nodes; why each has it not, "" where it has."""
        reports = Reports(self.told.append, lambda *what: self.sent.append(what))
        hand(self.archive, nodes, self.opened, reports)
        self.assertEqual(len(self.told), len(nodes))
        return {handed.node: handed.failed for handed in self.told}

    def test_busy(self) -> None:
        """A node that takes others now is reported as one that may be tried again."""

        def refuse(one: PeerConnection) -> None:
            one.asked()
            one.send((FrameKind.REFUSED, b"full"), (FrameKind.STATUS, BUSY))

        self.play("a", refuse)
        self.node("b", Receipt("b", 5))
        self.hand(a=0, b=0)
        self.assertEqual(self.told, [Receipt("a", failed="full", is_busy=True), Receipt("b", 5)])

    def test_first(self) -> None:
        """The first node is sent what it lacks, is asked to hand it on, and reports of all."""
        self.node("a", Receipt("b", 5), Receipt("a", 7), Receipt("c", 5, "no room"))
        self.assertEqual(self.hand(a=1, b=2, c=3), {"a": "", "b": "", "c": "no room"})
        size = self.archive.size(1)
        self.assertEqual(self.asked, [("a", ImageAsked(IMAGE, NAME, 1, size, {"b": 2, "c": 3}))])
        self.assertEqual([*listed(self.taken["a"]).values()][2:], [*LAYERS[1:]])
        self.assertEqual((self.sent[-1], len(self.taken["a"])), (("a", size, size), size))

    def test_lost(self) -> None:
        """Where the first one is lost, those of which it has said nothing are handed the image, the next one first."""
        self.node("a", Receipt("b", 5), ending=None)
        self.node("c", Receipt("c", 5), Receipt("d", 5))
        found = self.hand(a=0, b=0, c=1, d=2)
        self.assertIn("node a is lost", found.pop("a"))
        self.assertEqual(found, {"b": "", "c": "", "d": ""})
        self.assertEqual([(node, [*asked.then]) for node, asked in self.asked], [("a", ["b", "c", "d"]), ("c", ["d"])])

    def test_refused(self) -> None:
        """A node that refuses, is not there, or says nothing of itself is named with the reason."""

        def refuse(one: PeerConnection) -> None:
            one.asked()
            one.send((FrameKind.REFUSED, b"a has no room"))

        self.play("a", refuse)
        self.node("c", Receipt("x", 1), Receipt("a", 1))
        self.node("d", Receipt("d", 1), Receipt("d", 1, "twice"))
        found = self.hand(a=0, b=0, c=0, d=0)
        self.assertEqual((found["a"], found["b"], found["d"]), ("a has no room", "node b has no agent", ""))
        self.assertIn("did not say", found["c"])

    def test_refused_late(self) -> None:
        """A node that gives up in the middle says why, though it reads no more."""

        def play(one: PeerConnection) -> None:
            one.accept((FrameKind.REFUSED, b"the disk of a is full"))

        self.play("a", play)
        self.assertEqual(self.hand(a=0), {"a": "the disk of a is full"})

    def test_reset(self) -> None:
        """A connection that breaks while the image is sent is a node that is lost."""
        self.archive = read_archive(
            filled(self.enterContext(tempfile.TemporaryFile()), saved((b"x" * 20_000_000,))), NAME
        )

        def cut(one: PeerConnection) -> None:
            one.accept()
            one.connection.close()

        self.play("a", cut)
        self.assertIn("node a is lost", self.hand(a=0)["a"])

    def test_broken(self) -> None:
        """A connection that breaks while nothing was answered is reported as lost."""

        class Broken(PeerSession):
            def frames(self, check: Callable[[], object] = lambda: None) -> Iterator[tuple[FrameKind, bytes]]:
                return iter([NOTHING])

            def close(self) -> None: ...

        def fail(_: bytes) -> None:
            raise BrokenPipeError(32, "Broken pipe")

        connection = cast(Any, SimpleNamespace(settimeout=lambda _: None, sendall=fail))
        broken = Broken("a", connection, FrameReader(), [])
        hand(self.archive, {"a": 0}, lambda *_: broken, Reports(self.told.append))
        self.assertIn("node a is lost: ", self.told[0].failed)

    def test_lacking(self) -> None:
        """A layer that is not here cannot be handed on."""
        self.archive = read_archive(
            filled(self.enterContext(tempfile.TemporaryFile()), b"".join(self.archive.pieces(1))), NAME
        )
        self.assertIn("layer 1 is not in it", self.hand(a=0)["a"])
        self.assertEqual(self.asked, [])
