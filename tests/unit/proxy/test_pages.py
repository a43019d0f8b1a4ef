"""The operator's pages."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.proxy.pages import MAX_BYTES, pages_in


class PagesInTests(SynchronousTestCase):
    """``pages_in``."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def test_digest(self) -> None:
        """The digest changes with a page and with nothing else."""
        empty = pages_in(self.directory)
        self.assertEqual(empty.directory, str(self.directory))
        (self.directory / "README").write_text("not a page")
        self.assertEqual(pages_in(self.directory), empty)
        (self.directory / "404.html").write_text("one")
        first = pages_in(self.directory)
        (self.directory / "404.html").write_text("two")
        self.assertEqual(len({empty.digest, first.digest, pages_in(self.directory).digest}), 3)

    def test_unusable(self) -> None:
        """A file that nginx could not read as a page is refused with one line, and does not block the agent."""
        os.mkfifo(self.directory / "503.txt")
        with self.assertRaisesRegex(BadInput, "503.txt.* is no file"):
            pages_in(self.directory)
        os.unlink(self.directory / "503.txt")
        (self.directory / "503.txt").write_bytes(b"x" * (MAX_BYTES + 1))
        with self.assertRaisesRegex(BadInput, "larger than 256 KiB"):
            pages_in(self.directory)
        with self.assertRaisesRegex(BadInput, "cannot be read"):
            pages_in(self.directory / "absent")
