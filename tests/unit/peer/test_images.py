"""An image that a node receives: written, loaded, handed on, and refused."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import fail
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput, EngineRefused, NotFound
from daprdockr.model.frames import BUSY, MAX_CONTENT, FrameKind
from daprdockr.model.images import ImageStock, Receipt
from daprdockr.model.session import ImageAsked, StockAsked
from daprdockr.peer.channel import PeerChannel
from daprdockr.peer.images import SIGN, TURN, ImageSession, ImagesHere, ImageThreads
from daprdockr.peer.incoming import PIECE
from daprdockr.peer.stock import StockSession
from daprdockr.sessions.client import PeerSession
from daprdockr.sessions.handing import STALL, OpenImage
from tests.build.images import DIFFS, IMAGE, LAYERS, NAME, listed, saved
from tests.fakes.log_lines import LogLines
from tests.fakes.peer_channel import SentFrames
from tests.fakes.run import HeldRun, LoopClock, run_at_once

TOKEN = "5f" * 32


class MemoryImages:
    """An Engine that takes what it is given."""

    def __init__(self) -> None:
        self.loaded: list[bytes] = []
        self.refusal = ""
        self.forgets = False

    def stock(self, image: str, reference: str, layers: tuple[str, ...]) -> ImageStock:
        if self.refusal:
            raise EngineRefused(self.refusal)
        return ImageStock(len(layers) - 1, reference == NAME)

    def load(self, pieces: Iterator[bytes]) -> None:
        if self.refusal:
            raise EngineRefused(self.refusal)
        self.loaded.append(b"".join(pieces))

    def has(self, image: str, reference: str) -> bool:
        return not self.forgets and (image, reference) == (IMAGE, NAME)


class ImagesCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock: Any = LoopClock()
        self.engine = MemoryImages()
        self.known: list[str] = []
        self.opened: list[tuple[str, str, ImageAsked]] = []
        self.run: Any = run_at_once
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.here = self.images_here()

    def images_here(self, **changed: Any) -> ImagesHere:
        given: dict[str, Any] = {"run": self.run, "hand": run_at_once, "directory": self.directory, **changed}
        given["threads"] = ImageThreads(given.pop("run"), given.pop("hand"))
        return ImagesHere(node="a", engine=self.engine, open_image=self.opening, loaded=self.known.append, **given)

    def opening(self, token: str) -> OpenImage:
        def opened(node: str, asked: ImageAsked) -> PeerSession:
            self.opened.append((token, node, asked))
            raise NotFound(f"node {node} is gone")

        return opened

    def begin(self, size: int, then: Mapping[str, int] | None = None, held: int = 0) -> tuple[SentFrames, ImageSession]:
        channel = SentFrames()
        asked = ImageAsked(IMAGE, NAME, held, size, then or {})
        session = ImageSession(cast(PeerChannel, channel), asked, TOKEN, self.here, self.clock).begun()
        self.addCleanup(session.gone)  # One that is only forgotten ends when garbage is collected, in another test.
        return channel, session

    def send(self, session: ImageSession, content: bytes) -> None:
        for at in range(0, len(content), MAX_CONTENT):
            session.frame(FrameKind.INPUT, content[at : at + MAX_CONTENT])
        session.frame(FrameKind.INPUT_ENDS, b"")

    def told(self, channel: SentFrames) -> list[Receipt]:
        return [Receipt.decode(content) for kind, content in channel.frames if kind is FrameKind.OUTPUT and content]


class ReceivingTests(ImagesCase):
    def test_loaded(self) -> None:
        """The one image that was asked for is loaded, and nothing else that came with it."""
        content = saved(more={"evil/layer.tar": b"x"})
        channel, session = self.begin(len(content))
        self.assertEqual(channel.frames, [(FrameKind.ACCEPTED, b"")])
        self.send(session, content)
        self.assertEqual((self.told(channel), channel.over), ([Receipt("a", len(content))], "STATUS 0"))
        self.assertEqual([*listed(self.engine.loaded[0]).values()][2:], [*LAYERS])
        self.assertEqual((os.listdir(self.directory), self.known), ([], [NAME]))

    def test_handed_on(self) -> None:
        """Nodes behind it are handed the image with the same token, and what becomes of them is passed on."""
        content = saved()
        channel, session = self.begin(len(content), {"b": 0, "c": 1, "d": 2})
        self.send(session, content)
        self.clock.advance(0)
        self.assertEqual([(token, node) for token, node, _ in self.opened], [(TOKEN, n) for n in "bdc"])
        self.assertEqual(self.opened[0][2].then, {"d": 2})
        failed = {one.node: one.failed for one in self.told(channel)}
        self.assertEqual(failed, {"a": "", **{node: f"node {node} is gone" for node in "bcd"}})

    def test_held_on(self) -> None:
        """Its Engine is given the layers that it lacks, also if the archive has more for those behind it."""
        content = saved()
        _, session = self.begin(len(content), held=2)
        self.send(session, content)
        self.assertEqual([*listed(self.engine.loaded[0]).values()][2:], [LAYERS[2]])

    def test_not_loaded(self) -> None:
        """An Engine that refuses, or does not have the image then, is reported; others are handed it nevertheless."""
        content = saved()
        for refusal, forgets, text in (("no space", False, "no space"), ("", True, "does not have it now")):
            self.engine.refusal, self.engine.forgets = refusal, forgets
            channel, session = self.begin(len(content), {"b": 0})
            self.send(session, content)
            self.clock.advance(0)
            failed = {one.node: one.failed for one in self.told(channel)}
            self.assertIn(text, failed["a"])
            self.assertIn("gone", failed["b"])
            self.assertEqual(channel.over, "STATUS 0")

    def test_other_image(self) -> None:
        """Another image than was asked for is refused before the Engine sees it, and handed on to nobody."""
        content = saved((b"other",))
        channel, session = self.begin(len(content), {"b": 0})
        self.send(session, content)
        self.assertIn("another image", channel.over)
        self.assertEqual((self.engine.loaded, self.opened), ([], []))

    def test_one_at_a_time(self) -> None:
        """The next image is taken when the one before is loaded, or lost; one that waits too long is refused."""
        content = saved()
        first, one = self.begin(len(content))
        second, other = self.begin(len(content))
        third, _ = self.begin(len(content))
        self.assertEqual((second.frames, third.frames), ([], []))
        self.send(one, content)
        self.assertEqual((first.over, second.frames), ("STATUS 0", [(FrameKind.ACCEPTED, b"")]))
        for _ in range(5):
            self.clock.advance(TURN / 5)
            other.frame(FrameKind.INPUT, b"x")
        self.assertIn("takes another image", third.over)
        self.assertEqual(third.status, BUSY)
        other.gone()
        fourth, _ = self.begin(len(content))
        self.assertEqual(fourth.frames, [(FrameKind.ACCEPTED, b"")])

    def test_waits_no_more(self) -> None:
        """One that is gone while it waits keeps nobody waiting."""
        first, one = self.begin(10)
        second, other = self.begin(10)
        third, _ = self.begin(10)
        other.gone()
        one.gone()
        self.assertIn("the other side is gone", first.over)
        self.assertEqual((second.frames, third.frames), ([], [(FrameKind.ACCEPTED, b"")]))

    def test_too_early(self) -> None:
        """Nothing is sent before it is asked for."""
        self.begin(10)
        _, session = self.begin(10)
        self.assertRaises(BadInput, session.frame, FrameKind.INPUT, b"x")

    def test_size(self) -> None:
        """More or less than was announced is refused, and so is anything else than the image."""
        for frames in (
            [(FrameKind.INPUT, b"x" * 11)],
            [(FrameKind.INPUT, b"x"), (FrameKind.INPUT_ENDS, b"")],
            [(FrameKind.SIGNAL, b"INT")],
        ):
            _, session = self.begin(10)
            with self.assertRaises(BadInput):
                for kind, content in frames:
                    session.frame(kind, content)
            session.gone()

    def test_silent(self) -> None:
        """A sender from whom nothing comes is given up."""
        channel, _ = self.begin(10)
        self.clock.advance(STALL)
        self.assertIn("nothing came for 30 s", channel.over)

    def test_no_room(self) -> None:
        """An image for which there is no room is refused before any of it is sent; so is one without a directory."""
        channel, _ = self.begin(2**52)
        self.assertIn("has no room for the image", channel.over)
        self.here = self.images_here(directory=self.directory / "gone")
        self.assertIn("No such file", self.begin(10)[0].over)

    def test_fault(self) -> None:
        """A fault of the agent is logged, and said in one line."""
        lines = LogLines(self)
        self.here = self.images_here(run=lambda *_: fail(ZeroDivisionError()))
        channel, session = self.begin(10)
        self.assertIn("fault of the agent", channel.over)
        self.assertEqual(len(lines("an image was not taken")), 1)
        self.flushLoggedErrors(ZeroDivisionError)
        session.pause()
        session.resume()

    def test_not_handed_on(self) -> None:
        """A fault while it is handed on does not harm the rest."""
        lines = LogLines(self)
        self.here = self.images_here(hand=lambda *_: fail(ZeroDivisionError()))
        content = saved()
        channel, session = self.begin(len(content), {"b": 0})
        self.send(session, content)
        self.assertEqual((channel.over, len(lines("was not handed on"))), ("STATUS 0", 1))
        self.flushLoggedErrors(ZeroDivisionError)


class WritingTests(ImagesCase):
    """Note [Never the whole image in memory]."""

    def setUp(self) -> None:
        super().setUp()
        self.run = HeldRun()
        self.trouble = ""
        self.here = self.images_here()
        self.channel, self.session = self.begin(3 * PIECE)
        self.run.end("spool")

    def fill(self) -> None:
        for _ in range(PIECE // MAX_CONTENT):
            self.session.frame(FrameKind.INPUT, b"x" * MAX_CONTENT)

    def test_paused(self) -> None:
        """While a piece is written no more is taken; what was on its way then follows."""
        self.fill()
        self.assertEqual((self.channel.input, self.run.names), (["paused"], ["write"]))
        self.session.frame(FrameKind.INPUT, b"x")
        self.run.end("write")
        self.assertEqual(self.run.names, ["write"])
        self.run.end("write")
        self.assertEqual(self.channel.input[-1], "resumed")

    def test_end_was_read(self) -> None:
        """An image has arrived when its last piece is written, also if that was read before the channel went on."""
        self.session.gone()
        content = saved(more={"padding": bytes(PIECE)})
        self.channel, self.session = self.begin(len(content))
        self.run.end("spool")
        frames = [content[at : at + MAX_CONTENT] for at in range(0, len(content), MAX_CONTENT)]
        first = PIECE // MAX_CONTENT
        for frame in frames[:first]:
            self.session.frame(FrameKind.INPUT, frame)
        self.channel.on_resume = lambda: self.send(self.session, b"".join(frames[first:]))
        self.run.end("write")
        self.channel.on_resume = lambda: None
        self.assertEqual(self.run.names, ["close", "write"])
        self.run.end("write")
        self.run.end("read_archive")
        self.assertEqual(self.channel.input[-1], "resumed")

    def test_disk(self) -> None:
        """A disk that is full ends it in one line."""
        self.fill()
        self.run.take("write").arrived.errback(OSError(28, "No space left on device"))
        self.assertIn("No space left on device", self.channel.over)

    def test_gone(self) -> None:
        """A piece that is still written when the sender is gone does no harm."""
        self.fill()
        self.session.gone()
        self.assertIn("gone", self.channel.over)
        self.run.end("write")
        self.assertEqual(self.channel.input, ["paused"])

    def test_gone_early(self) -> None:
        """A sender that is gone before it was asked to send holds up nobody."""
        self.session.gone()
        self.run.end("close")
        _, session = self.begin(10)
        session.gone()
        self.run.end("spool")
        self.begin(10)
        self.assertIn("spool", self.run.names)

    def test_signs(self) -> None:
        """While it is loaded the sender gets a sign every few seconds."""
        self.session.gone()
        content = saved()
        self.channel, self.session = self.begin(len(content))
        self.run.end("spool")
        self.send(self.session, content)
        self.run.end("write")
        before = len(self.channel.frames)
        self.clock.advance(SIGN)
        self.assertEqual(self.channel.frames[before:], [(FrameKind.OUTPUT, b"")])

    def test_hangs(self) -> None:
        """An Engine that hangs is reported at once, and the sender gets no more signs."""
        self.session.gone()
        self.here = self.images_here(trouble=lambda: self.trouble)
        content = saved()
        self.channel, self.session = self.begin(len(content))
        self.run.end("spool")
        self.send(self.session, content)
        self.run.end("write")
        self.trouble = "the Docker Engine hangs"
        self.clock.advance(SIGN)
        self.clock.advance(SIGN)
        said = "node a cannot load the image: the Docker Engine hangs"
        self.assertEqual(self.told(self.channel), [Receipt("a", failed=said)])
        self.assertEqual(self.channel.frames[-1][1], Receipt("a", failed=said).encode())


class StockTests(ImagesCase):
    def ask(self) -> SentFrames:
        channel = SentFrames()
        asked = StockAsked(IMAGE, NAME, DIFFS)
        session = StockSession(cast(PeerChannel, channel), asked, self.here, self.clock).begun()
        self.assertRaises(BadInput, session.frame, FrameKind.INPUT, b"x")
        session.pause()
        session.resume()
        session.gone()
        return channel

    def test_answered(self) -> None:
        """A node says what it has of an image, or why it cannot."""
        channel = self.ask()
        self.assertEqual(channel.frames[-1], (FrameKind.OUTPUT, ImageStock(2, True).encode()))
        self.assertEqual(channel.over, "STATUS 0")
        self.engine.refusal = "it hangs"
        self.assertEqual(self.ask().over, "it hangs")
        self.here = self.images_here(trouble=lambda: "the Docker Engine hangs")
        self.assertEqual(self.ask().over, "node a takes no image: the Docker Engine hangs")

    def test_signs(self) -> None:
        """A sign says now and then that the Engine is still asked, which may take long."""
        run = HeldRun()
        self.here = self.images_here(run=run)
        channel = self.ask()
        self.clock.pump([SIGN, SIGN])
        self.assertEqual(channel.frames[1:], [(FrameKind.OUTPUT, b"")] * 2)
        run.end("stock")
        self.assertEqual(channel.over, "STATUS 0")
        self.clock.pump([SIGN, SIGN])
        self.assertEqual(len(channel.frames), 4)

    def test_fault(self) -> None:
        """A fault of the agent is logged, and said in one line."""
        self.here = self.images_here(run=lambda *_: fail(ZeroDivisionError()))
        self.assertIn("fault of the agent", self.ask().over)
        self.flushLoggedErrors(ZeroDivisionError)
