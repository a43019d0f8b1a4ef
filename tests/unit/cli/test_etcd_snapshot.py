"""A snapshot of etcd as a file: the whole, or nothing."""

from __future__ import annotations

import io
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.console import Console
from daprdockr.cli.etcd_snapshot import save_snapshot
from daprdockr.etcd.address import Access
from daprdockr.model.errors import BadInput, DaprdockrError, DiskError, EtcdUnavailable
from tests.fakes.command_line import LentStore, command_line
from tests.fakes.snapshot_lanes import CHECKSUM, DATABASE, SILENT, SnapshotLanes, pieces_of

ACCESS = Access.parse("http://a:1")


@contextmanager
def files_of(size: int) -> Iterator[None]:
    """No file can get larger, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class SaveTests(SynchronousTestCase):
    """``save_snapshot``, in a directory that has a file of somebody else."""

    def setUp(self) -> None:
        self.lanes = SnapshotLanes()
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()
        self.path = self.directory / "etcd.snapshot"
        self.other = self.directory / "etcd.snapshot.new"
        self.other.write_bytes(b"mine")
        self.stdout, self.stderr = io.StringIO(), io.StringIO()

    def save(self, path: Path | None = None) -> None:
        console = Console(io.BytesIO(), self.stdout, self.stderr)
        save_snapshot(path or self.path, ACCESS, console, self.lanes.opened)

    def refused(self, kind: type[DaprdockrError], path: Path | None = None) -> str:
        error = self.assertRaises(kind, self.save, path)
        self.assertEqual(("\n" in str(error), self.stdout.getvalue()), (False, ""))
        return str(error)

    def assert_files(self, **contents: bytes) -> None:
        """The directory has these, and the other person's."""
        found = {one.name: one.read_bytes() for one in self.directory.iterdir() if one.is_file()}
        self.assertEqual(found, {self.other.name: b"mine", **contents})

    def test_saved(self) -> None:
        """The whole is there, its owner's alone; it says how much, of whom, and of when."""
        self.save()
        self.assert_files(**{"etcd.snapshot": DATABASE + CHECKSUM})
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        line = f"{self.path}: 125 KiB from http://a:1, at revision 7 or later, checked\n"
        self.assertEqual((self.stdout.getvalue(), self.stderr.getvalue()), (line, ""))

    def test_large(self) -> None:
        """The size of a large one is in MiB."""
        self.lanes = SnapshotLanes(pieces=pieces_of(DATABASE * 30))
        self.save()
        self.assertIn(": 3.7 MiB from", self.stdout.getvalue())

    def test_no_quorum(self) -> None:
        """A member without a quorum is saved, with a warning."""
        self.lanes.alone = True
        self.save()
        self.assertIn("etcd has no quorum: this is what http://a:1 has", self.stderr.getvalue())
        self.assert_files(**{"etcd.snapshot": DATABASE + CHECKSUM})

    def test_failed(self) -> None:
        """A stream that breaks, a wrong checksum or a full disk leaves the former file, or none, and no other."""
        for before in ({}, {"etcd.snapshot": b"former"}):
            for name, content in before.items():
                (self.directory / name).write_bytes(content)
            self.lanes = SnapshotLanes(ending=SILENT)
            self.assertIn("broke off", self.refused(EtcdUnavailable))
            self.assert_files(**before)
            self.lanes = SnapshotLanes(pieces=[DATABASE, bytes(32)])
            self.assertIn("checksum is wrong", self.refused(EtcdUnavailable))
            self.assert_files(**before)
            self.lanes = SnapshotLanes()
            with files_of(100_000):
                self.assertIn("cannot be written: File too large; nothing was kept", self.refused(DiskError))
            self.assertEqual(self.lanes.open, 0)
            self.assert_files(**before)

    def test_no_file(self) -> None:
        """Nothing but a file is replaced, and nothing is made where a directory is missing."""
        for path in (self.directory, Path("/dev/null"), Path("")):
            self.assertIn("is no file", self.refused(BadInput, path))
        self.assertIn("No such file or directory", self.refused(DiskError, self.directory / "none" / "x"))
        self.assert_files()

    def test_link(self) -> None:
        """A symbolic link stays, and what it leads to is written."""
        self.path.symlink_to(self.directory / "real")
        self.save()
        self.assertTrue(self.path.is_symlink())
        self.assertEqual((self.directory / "real").read_bytes(), DATABASE + CHECKSUM)

    def test_command(self) -> None:
        """``backup -snapshot`` asks etcd, prints no document, and fails in one line."""
        words = ("backup", "-snapshot", str(self.path), "-etcd", "http://127.0.0.1:1")
        done = command_line(LentStore(), *words)
        self.assertEqual((done.status, done.stdout, len(done.stderr.splitlines())), (1, "", 1))
        self.assertIn("etcd did not answer at http://127.0.0.1:1", done.stderr)
        self.assert_files()
