"""Tests for daprdockr.process.output."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.process.output import MAX_FILE, MAX_LINE, LineSplitter, OutputFile


class LineSplitterTests(SynchronousTestCase):
    """``LineSplitter``."""

    def test_lines_across_chunks(self) -> None:
        """A line that comes in parts is reported once, when it is whole."""
        told: list[str] = []
        lines = LineSplitter(told.append)
        lines.feed(b"one\ntw")
        self.assertEqual(told, ["one"])
        lines.feed(b"o\n")
        self.assertEqual(told, ["one", "two"])

    def test_end_without_newline(self) -> None:
        """The end of the stream reports the unfinished line, once."""
        told: list[str] = []
        lines = LineSplitter(told.append)
        lines.feed(b"last words")
        lines.end()
        lines.end()
        self.assertEqual(told, ["last words"])

    def test_bytes_that_are_no_text(self) -> None:
        """Bytes that are not UTF-8 are reported as replacement characters."""
        told: list[str] = []
        LineSplitter(told.append).feed(b"\xff\n")
        self.assertEqual(told, ["\ufffd"])

    def test_control_characters(self) -> None:
        """Characters that move a cursor or switch a colour are replaced, however a child came by them."""
        told: list[str] = []
        LineSplitter(told.append).feed(b'"GET /\x1b[2J\x9b31m HTTP/1.1"\r\n')
        self.assertTrue(told[0].isprintable(), told[0])
        self.assertIn("[2J", told[0])

    @given(st.lists(st.binary(max_size=3 * MAX_LINE), max_size=6))
    def test_bounded(self, chunks: list[bytes]) -> None:
        """No line is longer than the bound, nothing but line ends is lost, and little is held back."""
        told: list[str] = []
        lines = LineSplitter(told.append)
        printable = [bytes(33 + octet % 94 for octet in chunk) for chunk in chunks]
        for chunk in printable:
            lines.feed(chunk)
            self.assertLessEqual(len(lines._rest), MAX_LINE)
        lines.end()
        self.assertEqual("".join(told), b"".join(printable).decode())
        self.assertLessEqual(max(map(len, told), default=0), MAX_LINE)


class OutputFileTests(SynchronousTestCase):
    """``OutputFile``."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "deep" / "etcd.log"
        self.output = OutputFile(self.path)

    def test_appends(self) -> None:
        """Each opened descriptor writes behind what is there, and the directory is made."""
        for words in (b"first ", b"second"):
            descriptor = self.output.open()
            self.addCleanup(os.close, descriptor)
            os.write(descriptor, words)
        self.assertEqual(self.path.read_bytes(), b"first second")

    def test_trim_under_a_writer(self) -> None:
        """The end of a file that grew too large is moved aside, and its writer goes on in the emptied one."""
        descriptor = self.output.open()
        self.addCleanup(os.close, descriptor)
        os.write(descriptor, b"y" + b"x" * MAX_FILE)
        self.output.trim()
        os.write(descriptor, b"after")
        self.assertEqual(self.path.read_bytes(), b"after")
        self.assertEqual(self.path.with_name("etcd.log.1").read_bytes(), b"x" * MAX_FILE)

    def test_trim_small_or_absent(self) -> None:
        """A small file stays, and an absent one is no error."""
        self.output.trim()
        os.close(self.output.open())
        self.path.write_bytes(b"little")
        self.output.trim()
        self.assertEqual(self.path.read_bytes(), b"little")

    def test_trim_that_fails(self) -> None:
        """A file that grew too large is emptied even where its end cannot be kept, for that is what makes room."""
        os.close(self.output.open())
        os.truncate(self.path, MAX_FILE + 1)
        self.path.with_name("etcd.log.1.new").mkdir()
        self.assertRaises(OSError, self.output.trim)
        self.assertEqual(self.path.stat().st_size, 0)

    def test_since(self) -> None:
        """The output since a moment is read, also when the file was cut short meanwhile, and no more than its end."""
        self.assertEqual((self.output.size(), self.output.since(0)), (0, ""))
        self.path.parent.mkdir(parents=True)
        self.path.write_text("old\n")
        size = self.output.size()
        self.path.write_text("old\nnew \ufffd\n")
        self.assertEqual(self.output.since(size), "new \ufffd\n")
        self.path.write_text("n")
        self.assertEqual(self.output.since(size), "n")
        self.path.write_text("x" * 1_000_000 + "end")
        self.assertEqual(self.output.since(size), "x" * 65533 + "end")

    def test_private(self) -> None:
        """File and directory are their owner's alone."""
        os.close(self.output.open())
        modes = [path.stat().st_mode & 0o777 for path in (self.path, self.path.parent)]
        self.assertEqual(modes, [0o600, 0o700])

    def test_planted(self) -> None:
        """A link, a pipe or a directory in its place is set aside: nothing is written through it, nothing waits."""
        victim = Path(self.mktemp()).absolute()
        victim.write_bytes(b"precious")
        self.path.parent.mkdir(parents=True)
        for plant in (lambda: self.path.symlink_to(victim), lambda: os.mkfifo(self.path), self.path.mkdir):
            plant()
            descriptor = self.output.open()
            os.write(descriptor, b"words")
            os.close(descriptor)
            self.assertEqual((victim.read_bytes(), self.path.read_bytes()), (b"precious", b"words"))
            self.path.unlink()
