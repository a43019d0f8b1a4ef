"""Tests for daprdockr.process.given."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.process.given import MOST_BYTES, read_given


class GivenTests(SynchronousTestCase):
    """``read_given``."""

    def test_read(self) -> None:
        """A file is read whole, through a link as well."""
        file, link = Path(self.mktemp()), Path(self.mktemp())
        file.write_bytes(b"x" * MOST_BYTES)
        link.symlink_to(file.absolute())
        self.assertEqual(read_given(link), b"x" * MOST_BYTES)

    def test_absent(self) -> None:
        """A file that is not there raises what the kernel says."""
        self.assertRaises(FileNotFoundError, read_given, Path(self.mktemp()))

    def test_endless(self) -> None:
        """A file that is longer than any such file, or has no end, is refused with the reason."""
        error = self.assertRaises(OSError, read_given, Path("/dev/zero"))
        self.assertEqual(error.strerror, f"it has more than {MOST_BYTES} bytes")
