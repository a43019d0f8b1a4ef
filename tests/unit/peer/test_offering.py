"""An image for another node: who may have it, and how it is sent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import fail
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput, EngineRefused
from daprdockr.model.frames import FrameKind
from daprdockr.model.images import MOST_LAYERS, ImageOffer, OfferTaken
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.session import OfferAsked
from daprdockr.model.stored.entries import Batch, Entry
from daprdockr.model.stored.node import NodeRecord
from daprdockr.peer.admission import IMAGES, SessionRefused
from daprdockr.peer.channel import PeerChannel
from daprdockr.peer.images import SIGN
from daprdockr.peer.offering import DECIDE, Offers, OfferSession
from daprdockr.sessions.handing import STALL
from tests.build.images import DIFFS, IMAGE, LAYERS, NAME, listed, saved
from tests.build.values import KEYS, WEB, definition
from tests.fakes.log_lines import LogLines
from tests.fakes.peer_channel import SentFrames
from tests.fakes.run import HeldRun, LoopClock, run_at_once

SHOWN = "7a" * 32


class KeptImages:
    """An Engine that has an image."""

    def __init__(self) -> None:
        self.has: ImageOffer | None = ImageOffer(IMAGE, DIFFS, 10_000)
        self.refusal = ""
        self.saved: list[str] = []

    def offer(self, reference: str) -> ImageOffer | None:
        return self.has

    def save(self, reference: str) -> Iterator[bytes]:
        self.saved.append(reference)
        content = saved()
        yield content[:1000]
        if self.refusal:
            raise EngineRefused(self.refusal)
        yield content[1000:]


class OfferCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock: Any = LoopClock()
        self.engine = KeptImages()
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.cluster = Cluster(KEYS)
        node = Entry(KEYS.node("b"), NodeRecord(fingerprint=SHOWN).encode(), 1, 1, 7)
        service = Entry(KEYS.service(WEB), definition(NAME).encode(), 2, 2, 0)
        self.cluster.apply(Batch(1, 2, (node, service)))
        self.offers = self.made()

    def made(self, **changed: Any) -> Offers:
        given: dict[str, Any] = {"run": run_at_once, "directory": self.directory, **changed}
        return Offers(node="a", engine=self.engine, cluster=self.cluster, **given)

    def begin(self, reference: str = NAME) -> tuple[SentFrames, OfferSession]:
        channel = SentFrames()
        session = OfferSession(cast(PeerChannel, channel), OfferAsked(reference), self.offers, self.clock).begun()
        self.addCleanup(session.gone)
        return channel, session

    def take(self, session: OfferSession, held: int = 0) -> None:
        session.frame(FrameKind.INPUT, OfferTaken(held).encode())

    def content(self, channel: SentFrames) -> bytes:
        """The octets that were sent of the image, all of which were announced."""
        sent = [kind for kind, _ in channel.frames].index(FrameKind.ACCEPTED, 1)
        content = b"".join(content for kind, content in channel.frames[sent + 1 :] if kind is FrameKind.OUTPUT)
        self.assertEqual(channel.frames[sent][1], str(len(content)).encode())
        return content


class AdmissionTests(OfferCase):
    """Note [Who may have an image]."""

    def refusal(self, shown: str, reference: str) -> str:
        return str(self.assertRaises(SessionRefused, self.offers.check, shown, OfferAsked(reference)))

    def test_nodes(self) -> None:
        """A node may have what a definition names, by whatever name Docker knows that; nobody else may."""
        self.offers.check(SHOWN, OfferAsked(NAME))
        for shown in ("", "7b" * 32):
            self.assertIn("is none of a node", self.refusal(shown, NAME))

    def test_named(self) -> None:
        """An image that no definition names is nobody's."""
        self.assertIn("no definition that names image shop/web:2", self.refusal(SHOWN, "shop/web:2"))
        self.assertIn("no definition", self.refusal(SHOWN, IMAGE))
        entry = Entry(KEYS.service(WEB), definition("docker.io/library/nginx").encode(), 3, 3, 0)
        self.cluster.apply(Batch(1, 3, (entry,)))
        self.offers.check(SHOWN, OfferAsked("nginx:latest"))


class SendingTests(OfferCase):
    def test_handed(self) -> None:
        """The offer comes first; when it is taken, the layers that the other one lacks, with their size before them."""
        channel, session = self.begin()
        offered = (FrameKind.OUTPUT, ImageOffer(IMAGE, DIFFS, 10_000).encode())
        self.assertEqual(channel.frames, [(FrameKind.ACCEPTED, b""), offered])
        self.take(session, 2)
        self.assertEqual([*listed(self.content(channel)).values()][2:], [LAYERS[2]])
        self.assertEqual((channel.over, self.engine.saved), ("STATUS 0", [IMAGE]))
        self.assertEqual((os.listdir(self.directory), self.offers.under_way), ([], set()))

    def test_by_containerd(self) -> None:
        """An image whose id only its archive says is read by its name."""
        self.engine.has = ImageOffer("", DIFFS, 10_000)
        channel, session = self.begin()
        self.take(session)
        self.assertEqual((channel.over, self.engine.saved), ("STATUS 0", [NAME]))

    def test_absent(self) -> None:
        """An image that is not there is one line, and so is one that has too many layers for a frame."""
        self.engine.has = None
        self.assertIn("does not have image shop/web:1", self.begin()[0].over)
        self.engine.has = ImageOffer(IMAGE, DIFFS[:1] * MOST_LAYERS, 10_000)
        self.assertIn("which are too many", self.begin()[0].over)

    def test_not_taken(self) -> None:
        """An offer ends by itself, or with the other node."""
        channel, _ = self.begin()
        self.clock.advance(DECIDE)
        self.assertEqual(channel.over, "the offer was not taken")
        channel, session = self.begin()
        session.gone()
        self.assertEqual((channel.over, self.engine.saved), ("the other node is gone", []))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_too_much(self) -> None:
        """A frame that is no answer to an offer is refused, and so is a second answer."""
        _, session = self.begin()
        self.assertRaises(BadInput, session.frame, FrameKind.SIGNAL, b"INT")
        self.take(session)
        self.assertRaises(BadInput, self.take, session)

    def test_refused(self) -> None:
        """An Engine that cannot read it, and a disk without room, are one line each."""
        self.engine.refusal = "no such file"
        channel, session = self.begin()
        self.take(session)
        self.assertEqual(channel.over, "no such file")
        self.engine.has = ImageOffer(IMAGE, DIFFS, 2**52)
        channel, session = self.begin()
        self.take(session)
        self.assertIn("has no room for the image", channel.over)

    def test_fault(self) -> None:
        """A fault of the agent is logged, and said in one line."""
        lines = LogLines(self)
        self.offers = self.made(run=lambda *_: fail(ZeroDivisionError()))
        self.assertIn("fault of the agent", self.begin()[0].over)
        self.assertEqual(len(lines("was not handed to another node")), 1)
        self.flushLoggedErrors(ZeroDivisionError)


class PacedTests(OfferCase):
    """Calls take time."""

    def setUp(self) -> None:
        super().setUp()
        self.threads = HeldRun()
        self.trouble = ""
        self.offers = self.made(run=self.threads)

    def taken(self) -> tuple[SentFrames, OfferSession]:
        channel, session = self.begin()
        self.threads.end("offer")
        self.take(session)
        return channel, session

    def read(self) -> None:
        for name in ("spool", "keep", "read_archive"):
            self.threads.end(name)

    def test_signs(self) -> None:
        """While the Engine reads it the other node gets a sign every few seconds."""
        channel, _ = self.taken()
        before = len(channel.frames)
        self.clock.advance(SIGN)
        self.assertEqual(channel.frames[before:], [(FrameKind.OUTPUT, b"")])

    def test_hangs(self) -> None:
        """An Engine that hangs sends the other node elsewhere at once, and offers nothing."""
        self.offers = self.made(run=self.threads, trouble=lambda: self.trouble)
        channel, session = self.taken()
        self.threads.end("spool")
        self.trouble = "the Docker Engine hangs"
        self.clock.advance(SIGN)
        said = "node a cannot read the image: the Docker Engine hangs"
        self.assertEqual((channel.over, self.begin()[0].over), (said, said))
        self.clock.advance(SIGN)
        session.gone()
        self.threads.end("keep")
        self.assertEqual(self.threads.names, ["close"])

    def test_most(self) -> None:
        """So many are handed at once; a further one goes elsewhere."""
        for _ in range(IMAGES):
            self.taken()
        channel, _ = self.taken()
        self.assertIn("the most it does", channel.over)
        self.assertEqual(len(self.offers.under_way), IMAGES)

    def test_paused(self) -> None:
        """A node that reads slowly is sent no more than it takes; one that stalls is let go."""
        channel, session = self.taken()
        self.read()
        session.pause()
        session.pause()
        self.threads.end("_piece_of")
        self.assertEqual(self.threads.names, [])
        session.resume()
        self.assertEqual(self.threads.names, ["_piece_of"])
        session.pause()
        self.threads.end("_piece_of")
        self.clock.advance(STALL)
        self.assertEqual(channel.input, ["aborted"])
        session.gone()
        self.assertEqual((channel.over, self.threads.names), ("the other node is gone", ["close"]))

    def test_gone(self) -> None:
        """The Engine is not read to the end for a node that is gone."""
        channel, session = self.taken()
        self.threads.end("spool")
        session.gone()
        self.threads.end("keep")
        self.assertEqual((channel.over, self.threads.names), ("the other node is gone", ["close"]))
