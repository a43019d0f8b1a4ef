"""The guard's disk: a file that is read, lines that are written, and neither waited for."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.guard.disk import LINES, LONGEST, Disk
from daprdockr.guard.regular import read_regular


class DiskTests(SynchronousTestCase):
    """A ``Disk`` over a directory, with a pipe as its output."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()
        reading, self.output = os.pipe()
        self.lines = os.fdopen(reading, encoding="ascii")
        self.addCleanup(self.lines.close)
        self.addCleanup(os.close, self.output)
        self.disk = Disk(self.path, self.output)

    def test_newest(self) -> None:
        """Each read gives what the file holds now."""
        self.disk.start()
        for content in (b"one", b"two"):
            self.path.write_bytes(content)
            self.assertEqual(self.disk.read(), content)

    def test_nothing_yet(self) -> None:
        """A file that never was there gives nothing."""
        self.disk.start()
        self.assertIsNone(self.disk.read())

    def test_gone(self) -> None:
        """A file that is gone, or cannot be read, gives what it held last."""
        self.disk.start()
        self.path.write_bytes(b"one")
        self.disk.read()
        self.path.unlink()
        self.assertEqual(self.disk.read(), b"one")
        self.path.mkdir()
        self.assertEqual(self.disk.read(), b"one")

    def test_hangs(self) -> None:
        """A disk that does not answer holds nobody up: what was read last counts until it does."""
        answers = Event()
        answers.set()

        def regular(path: Path, limit: int) -> bytes:
            answers.wait()
            return read_regular(path, limit)

        self.disk = Disk(self.path, self.output, regular)
        self.disk.start()
        self.path.write_bytes(b"one")
        self.disk.read()
        answers.clear()
        self.path.write_bytes(b"two")
        self.assertEqual([self.disk.read() for _ in range(2)], [b"one", b"one"])
        answers.set()
        self.assertEqual([self.disk.read() for _ in range(20)][-1], b"two")

    def test_planted(self) -> None:
        """A pipe, a link and a file without end hold nobody up, and change nothing."""
        self.disk.start()
        self.path.write_bytes(b"one")
        self.disk.read()
        self.path.rename(self.path.with_name("moved"))
        os.mkfifo(self.path)
        self.assertEqual(self.disk.read(), b"one")
        self.path.unlink()
        self.path.with_name("moved").write_bytes(b"two")
        self.path.symlink_to(self.path.with_name("moved"))
        self.assertEqual(self.disk.read(), b"one")
        self.path.unlink()
        self.path.touch()
        os.truncate(self.path, LONGEST + 1)
        self.assertEqual(self.disk.read(), b"one")
        self.path.unlink()
        self.path.write_bytes(b"three")
        self.assertEqual(self.disk.read(), b"three")

    def test_lines(self) -> None:
        """Lines are written with the next read; of too many the last are kept."""
        for number in range(LINES + 5):
            self.disk.report(f"line {number}")
        self.disk.start()
        self.disk.read()
        self.assertEqual(self.lines.readline(), "line 5\n")

    def test_output_lost(self) -> None:
        """An output that nobody takes, or that is full, keeps nothing from being read."""
        self.lines.close()
        self.disk.start()
        self.path.write_bytes(b"one")
        for _ in range(3):
            self.disk.report("a line")
            self.assertEqual(self.disk.read(), b"one")
