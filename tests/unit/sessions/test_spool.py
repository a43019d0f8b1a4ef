"""The archive of an image in a file: room for it, and what is written there and loaded from there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import DiskError
from daprdockr.sessions.archive import read_archive
from daprdockr.sessions.spool import keep, load, spool
from tests.build.images import IMAGE, LAYERS, NAME, filled, listed, saved


class Engine:
    """It gives two pieces, and takes what it is given, or forgets it."""

    def __init__(self, forgets: bool = False) -> None:
        self.loaded = b""
        self.forgets = forgets

    def save(self, reference: str) -> Iterator[bytes]:
        yield f"{reference} ".encode()
        yield b"more"

    def load(self, pieces: Iterator[bytes]) -> None:
        self.loaded = b"".join(pieces)

    def has(self, image: str, reference: str) -> bool:
        return not self.forgets and (image, reference) == (IMAGE, NAME)


class SpoolTests(SynchronousTestCase):
    def test_room(self) -> None:
        """A file is made where there is room for it."""
        directory = Path(self.mktemp())
        directory.mkdir()
        spool(directory, 10, "a").close()
        refusal = self.assertRaises(DiskError, spool, directory, 2**52, "a")
        text = f"{2**52 / 1e6:.1f} MB come, and 256 MB have to stay free"
        self.assertEqual(str(refusal), f"node a has no room for the image in {directory}: {text}")
        self.assertIn("No such file", str(self.assertRaises(DiskError, spool, directory / "gone", 10, "a")))

    def test_taken(self) -> None:
        """A file has its room on the disk before anything is written: others see what is left."""
        directory = Path(self.mktemp())
        directory.mkdir()
        with spool(directory, 1_000_000, "a") as file:
            self.assertGreaterEqual(os.fstat(file.fileno()).st_blocks * 512, 1_000_000)

    def test_kept(self) -> None:
        """An image is written as long as it is wanted."""
        answers = [True, True, True, False]
        for content in (b"web more", b"web "):
            with tempfile.TemporaryFile() as file:
                os.posix_fallocate(file.fileno(), 0, 100)
                keep(Engine(), "web", file, lambda: answers.pop(0))
                file.seek(0)
                self.assertEqual(file.read(), content)

    def test_full(self) -> None:
        """A disk that does not take it is one line."""
        with open("/dev/full", "wb", buffering=0) as file:
            refusal = self.assertRaises(DiskError, keep, Engine(), "web", file, lambda: True)
        self.assertIn("No space left", str(refusal))

    def test_loaded(self) -> None:
        """The Engine gets the layers that it lacks; if it has the image not then, that is an error."""
        archive = read_archive(filled(self.enterContext(tempfile.TemporaryFile()), saved()), NAME)
        engine = Engine()
        load(engine, archive, 2)
        self.assertEqual([*listed(engine.loaded).values()][2:], [LAYERS[2]])
        refusal = self.assertRaises(DiskError, load, Engine(forgets=True), archive, 0)
        self.assertIn("does not have it now", str(refusal))
