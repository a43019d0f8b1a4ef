"""An image taken from another node at loopback, with real TLS."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput, DaprdockrError, DiskError
from daprdockr.model.frames import MAX_CONTENT, FrameKind
from daprdockr.model.images import ImageOffer, ImageStock, OfferTaken
from daprdockr.model.session import OfferAsked, SessionRequest
from daprdockr.sessions import fetching
from daprdockr.sessions.archive import read_archive
from daprdockr.sessions.client import SessionFailed
from daprdockr.sessions.fetching import LONGEST_FETCH, Fetching, Offered
from tests.build.images import DIFFS, IMAGE, LAYERS, NAME, filled, listed, saved
from tests.fakes.peer_node import PeerConnection, PeerNode, pair

DONE = (FrameKind.STATUS, b"0")
OFFERED = ImageOffer(IMAGE, DIFFS, 10_000)
Frame = tuple[FrameKind, bytes]


class LackingEngine:
    """It has some of the layers, and takes what it is given."""

    def __init__(self) -> None:
        self.held = 0
        self.asked: list[tuple[str, str, tuple[str, ...]]] = []
        self.loaded: list[bytes] = []
        self.has_it = True

    def platform(self) -> str:
        return "linux/amd64"

    def stock(self, image: str, reference: str, layers: tuple[str, ...]) -> ImageStock:
        self.asked.append((image, reference, layers))
        return ImageStock(self.held)

    def load(self, pieces: Iterator[bytes]) -> None:
        self.loaded.append(b"".join(pieces))

    def has(self, image: str, reference: str) -> bool:
        return self.has_it


class FetchingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.engine = LackingEngine()
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.requests: list[SessionRequest] = []
        self.taken: list[OfferTaken] = []

    def fetching(self) -> Fetching:
        return Fetching("a", pair(), self.engine, self.directory, lambda: 0.0)

    def archive(self, held: int = 0) -> bytes:
        archive = read_archive(filled(self.enterContext(tempfile.TemporaryFile()), saved()), NAME)
        return b"".join(archive.pieces(held))

    def sent(self, content: bytes, announced: int | None = None) -> list[Frame]:
        """The frames in which an image comes."""
        parts = [content[at : at + MAX_CONTENT] for at in range(0, len(content), MAX_CONTENT)]
        announcement = (FrameKind.ACCEPTED, str(len(content) if announced is None else announced).encode())
        return [(FrameKind.OUTPUT, b""), announcement, *((FrameKind.OUTPUT, part) for part in parts), DONE]

    def play(self, *frames: Frame, offer: ImageOffer = OFFERED) -> Callable[[PeerConnection], None]:
        """Offer the image, and send these frames when the offer is taken."""

        def play(one: PeerConnection) -> None:
            self.requests.append(one.accept((FrameKind.OUTPUT, offer.encode())))
            answer = one.next()
            if answer is not None:
                self.taken.append(OfferTaken.decode(answer[1]))
                one.send(*frames)

        return play

    def offered(self, *frames: Frame, offer: ImageOffer = OFFERED) -> Offered:
        node = PeerNode(self, self.play(*frames, offer=offer))
        found = self.fetching().offered("b", node.record(), NAME)
        self.addCleanup(found.session.close)
        return found

    def take(self, *frames: Frame) -> int:
        return self.fetching().take(self.offered(*frames), NAME)

    def refusal(self, *frames: Frame, kind: type[DaprdockrError] = SessionFailed) -> str:
        offered = self.offered(*frames)
        found = str(self.assertRaises(kind, self.fetching().take, offered, NAME))
        self.assertEqual(self.engine.loaded, [])
        return found

    def test_taken(self) -> None:
        """A node is asked without a token; the layers that are here are left out, and the rest is loaded."""
        self.engine.held = 2
        content = self.archive(2)
        self.assertEqual(self.take(*self.sent(content)), len(content))
        self.assertEqual(self.requests, [SessionRequest("", OfferAsked(NAME))])
        self.assertEqual((self.taken, self.engine.asked), ([OfferTaken(2)], [(IMAGE, "", DIFFS)]))
        self.assertEqual([*listed(self.engine.loaded[0]).values()][2:], [LAYERS[2]])
        self.assertEqual(os.listdir(self.directory), [])

    def test_by_id(self) -> None:
        """An image that is named by its id gets no name."""
        content = self.archive()
        fetching, offered = self.fetching(), self.offered(*self.sent(content))
        self.assertEqual(fetching.take(offered, IMAGE), len(content))
        self.assertIn(b'"RepoTags": null', listed(self.engine.loaded[0])["manifest.json"])

    def test_no_offer(self) -> None:
        """A node that has it not, or does not say what it has, is one line."""

        def refuse(one: PeerConnection) -> None:
            one.accept((FrameKind.REFUSED, b"node b does not have image shop/web:1"))

        def end(one: PeerConnection) -> None:
            one.accept(DONE)

        def lie(one: PeerConnection) -> None:
            one.accept((FrameKind.OUTPUT, b"{}"))

        node = PeerNode(self, refuse, end, lie)
        for kind, text in (
            (SessionFailed, "node b does not have image"),
            (SessionFailed, "use the same version"),
            (BadInput, "is missing"),
        ):
            refusal = self.assertRaises(kind, self.fetching().offered, "b", node.record(), NAME)
            self.assertIn(text, str(refusal))

    def test_no_end(self) -> None:
        """A node that goes on saying other things, and never says what it has, is given up."""

        def talk(one: PeerConnection) -> None:
            one.accept()
            with contextlib.suppress(OSError):
                while True:
                    one.send((FrameKind.NOTE, b"soon"))

        node = PeerNode(self, talk)
        slow = evolve(self.fetching(), clock=count(0.0, 2.0).__next__)
        refusal = self.assertRaises(SessionFailed, slow.offered, "b", node.record(), NAME)
        self.assertEqual(str(refusal), "node b did not say what it has within 5 s")

    def test_size(self) -> None:
        """More or less than was announced is not loaded, nor is what was not announced in a number."""
        content = self.archive()
        for announced in (len(content) + 1, len(content) - 1):
            self.assertIn("another size than it announced", self.refusal(*self.sent(content, announced)))
        self.assertIn("another size", self.refusal((FrameKind.OUTPUT, b"x"), DONE))
        self.assertIn("how large the image is", self.refusal((FrameKind.ACCEPTED, b"many"), DONE))

    def test_lost(self) -> None:
        """A node that refuses or is lost in the middle is one line."""
        content = self.archive()
        self.assertIn("is lost", self.refusal(*self.sent(content)[:2]))
        self.assertEqual(self.refusal((FrameKind.REFUSED, b"no such file")), "no such file")
        offered = self.offered()
        offered.session.close()
        self.assertIn("is lost", str(self.assertRaises(SessionFailed, self.fetching().take, offered, NAME)))

    def test_late(self) -> None:
        """A node that does not come to an end is given up."""
        offered = self.offered(*self.sent(self.archive()))
        fetching = evolve(self.fetching(), clock=iter((0.0, LONGEST_FETCH + 1)).__next__)
        self.assertIn("within 1800 s", str(self.assertRaises(SessionFailed, fetching.take, offered, NAME)))

    def test_disk(self) -> None:
        """A disk that is full, or has too little room, is one line."""
        self.assertIn("no room for the image", self.refusal((FrameKind.ACCEPTED, b"9" * 15), DONE, kind=DiskError))
        full = self.enterContext(open("/dev/full", "wb", buffering=0))
        self.patch(fetching, "spool", lambda *_: full)
        self.assertIn("cannot be written to the disk", self.refusal(*self.sent(self.archive()), kind=DiskError))

    def test_no_room(self) -> None:
        """An image that does not fit is not taken, so the other node saves nothing; one of unknown size is."""
        content = self.archive()
        large = evolve(OFFERED, size=2**52)
        offered = self.offered(*self.sent(content), offer=large)
        self.assertIn("a has no room", str(self.assertRaises(DiskError, self.fetching().take, offered, NAME)))
        gone = evolve(self.fetching(), directory=self.directory / "gone")
        offered = self.offered(*self.sent(content))
        self.assertIn("No such file", str(self.assertRaises(DiskError, gone.take, offered, NAME)))
        self.assertEqual(self.taken, [])
        offered = self.offered(*self.sent(content), offer=evolve(large, image=""))
        self.assertEqual(self.fetching().take(offered, NAME), len(content))
        self.engine.held = 1
        content = self.archive(1)
        self.assertEqual(self.fetching().take(self.offered(*self.sent(content), offer=large), NAME), len(content))
        self.assertEqual(self.taken, [OfferTaken(0), OfferTaken(1)])

    def test_other_image(self) -> None:
        """Another image than was offered is not loaded; nor counts one that the Engine forgets."""
        self.assertIn("another image", self.refusal(*self.sent(saved((b"other",))), kind=BadInput))
        self.engine.has_it = False
        offered = self.offered(*self.sent(self.archive()))
        self.assertRaises(DiskError, self.fetching().take, offered, NAME)
