"""Tests of the release: an archive is packed the same way each time, and its sums are those of its files."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tools.release import CHECKSUMS, checksums, packed_again, run


def archive(names: list[str], mtime: float, user: str, mask: int) -> bytes:
    """A source distribution as setuptools leaves it: in any order, with the times and owners of the files."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            member.size = 0 if member.isdir() else len(name)
            member.mode = (0o777 if member.isdir() or name.endswith("run") else 0o666) & ~mask
            member.mtime, member.uid, member.uname = mtime, len(user), user
            tar.addfile(member, io.BytesIO(name.encode()))
    return written.getvalue()


class PackedAgainTests(SynchronousTestCase):
    """A source distribution depends on its files alone."""

    def test_same_bytes(self) -> None:
        """Order, times, owners and umask make no difference."""
        one = archive(["a/", "a/run", "a/b.py"], 1.5, "root", 0o022)
        other = archive(["a/b.py", "a/", "a/run"], 2_000_000_000.25, "somebody", 0o077)
        self.assertNotEqual(one, other)
        self.assertEqual(packed_again(one, 7), packed_again(other, 7))

    def test_kept(self) -> None:
        """Names, contents and the right to be executed stay; the time is that of the commit."""
        packed = packed_again(archive(["a/run", "a/", "a/b.py"], 1.5, "root", 0o077), 7)
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            found = [(each.name, each.mode, each.mtime, each.uid, each.uname) for each in tar]
            content = tar.extractfile("a/b.py")
            assert content is not None
            self.assertEqual(b"a/b.py", content.read())
        self.assertEqual([("a", 0o755, 7, 0, ""), ("a/b.py", 0o644, 7, 0, ""), ("a/run", 0o755, 7, 0, "")], found)


class ChecksumTests(SynchronousTestCase):
    """The file of checksums is one that ``sha256sum`` takes."""

    def test_checked(self) -> None:
        """Each file but itself stands in it, and a changed one is found."""
        directory = Path(self.mktemp())
        directory.mkdir()
        for name in ("b.whl", "a.tar.gz"):
            (directory / name).write_text(name, encoding="utf-8")
        (directory / CHECKSUMS).write_text(checksums(directory), encoding="utf-8")
        self.assertEqual((directory / CHECKSUMS).read_text(encoding="utf-8"), checksums(directory))
        check = ["sha256sum", "--check", CHECKSUMS]
        done = subprocess.run(check, cwd=directory, capture_output=True, text=True)
        self.assertEqual((0, "a.tar.gz: OK\nb.whl: OK\n"), (done.returncode, done.stdout))
        (directory / "b.whl").write_text("changed", encoding="utf-8")
        self.assertEqual(1, subprocess.run(check, cwd=directory, capture_output=True).returncode)


class RunTests(SynchronousTestCase):
    """A command of the release that fails ends it."""

    def test_failed(self) -> None:
        """Its output is the reason, and it knew the time of the commit."""
        ended = self.assertRaises(SystemExit, run, "sh", "-c", "echo at $SOURCE_DATE_EPOCH; umask; exit 3", epoch=7)
        self.assertIn("ended with 3:\nat 7\n0022\n", str(ended))
