"""Files of secrets in memory."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reconcile.secret_files import SecretFiles, file_system
from daprdockr.model.errors import EngineFailed

TMPFS = "1 0 0:1 / / rw - tmpfs tmpfs rw"
DISK = "1 0 8:1 / / rw - ext4 /dev/sda1 rw"


class SecretFilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.place = Path(self.mktemp())
        self.mounts = TMPFS
        self.files = self.make()

    def make(self, agent: str = "a") -> SecretFiles:
        return SecretFiles(places=(self.place,), agent=agent, mounts=lambda: self.mounts)

    def test_written(self) -> None:
        """Only their user can read the files, and nobody else can come to them; then they are complete."""
        one, two = self.files.write("c1", [b"one", b"two"])
        self.assertEqual((one.read_bytes(), two.read_bytes()), (b"one", b"two"))
        self.assertEqual(
            [path.stat().st_mode & 0o777 for path in (one, one.parent, one.parents[1])], [0o400, 0o700, 0o700]
        )
        self.assertEqual((self.files.are_there("c1", 2), self.files.is_complete("c1")), (True, False))
        self.files.give("c1", os.geteuid())
        self.assertTrue(self.files.is_complete("c1"))
        self.assertEqual(one.stat().st_uid, os.geteuid())

    def test_written_again(self) -> None:
        """Files that are written again are not complete until they were given to their user."""
        self.files.write("c1", [b"one", b"two"])
        self.files.give("c1", os.geteuid())
        (path,) = self.files.write("c1", [b"new"])
        self.assertEqual(path.read_bytes(), b"new")
        self.assertEqual((self.files.is_complete("c1"), self.files.are_there("c1", 2)), (False, False))

    def test_removed(self) -> None:
        """Files go with their container; those of containers that are gone go when others are written."""
        self.files.write("c1", [b"one"])
        self.files.remove("c1")
        self.assertFalse(self.files.are_there("c1", 1))
        self.files.write("c2", [b"two"])
        self.files.write("c3", [b"three"])
        self.files.keep_only([])  # they are being created
        after = self.make()
        after.keep_only(["c3"])
        self.assertEqual([after.are_there(name, 1) for name in ("c2", "c3")], [False, True])

    def test_apart(self) -> None:
        """Two agents of one host have nothing to do with each other's files."""
        self.files.write("c1", [b"one"])
        self.make("b").keep_only([])
        self.assertTrue(self.files.are_there("c1", 1))

    def test_on_a_disk(self) -> None:
        """Nothing is written to a disk; the error says what to do."""
        self.mounts = DISK
        with self.assertRaisesRegex(EngineFailed, "is on a disk.*--memory-dir"):
            self.files.write("c1", [b"one"])
        self.assertFalse(self.place.exists())

    def test_read_only(self) -> None:
        """Where the first place cannot be written to, as a read-only ``/run``, the next one is taken."""
        blocked = Path(self.mktemp())
        blocked.write_text("in the way")
        files = SecretFiles(places=(blocked / "run", self.place), agent="a", mounts=lambda: TMPFS)
        (path,) = files.write("c1", [b"one"])
        files.give("c1", os.geteuid())
        self.assertTrue(path.is_relative_to(self.place) and files.is_complete("c1") and files.are_there("c1", 1))
        files.remove("c1")
        self.assertFalse(path.exists())

    def test_no_room(self) -> None:
        """A place that cannot be written to is one line."""
        self.place.write_text("a file")
        with self.assertRaisesRegex(EngineFailed, "cannot be written in memory"):
            self.files.write("c1", [b"one"])
        with self.assertRaisesRegex(EngineFailed, "cannot be given"):
            self.files.give("c1", 0)

    def test_file_systems(self) -> None:
        """The mount that is nearest above a path counts, and of several at one place the last."""
        mounts = "\n".join((DISK, "2 1 0:2 / /run rw - tmpfs tmpfs rw", "3 1 0:3 / /running rw - xfs x rw", "garbage"))
        self.assertEqual(file_system(Path("/run/daprdockr/x"), mounts), "tmpfs")
        self.assertEqual(file_system(Path("/var/lib"), mounts), "ext4")
        self.assertEqual(file_system(Path("/running"), mounts), "xfs")
        self.assertEqual(file_system(Path("/run"), mounts + "\n4 2 0:4 / /run rw - overlay o rw"), "overlay")
        self.assertEqual(file_system(Path("/a b/c"), mounts + "\n5 1 0:5 / /a\\040b rw - ramfs r rw"), "ramfs")
        self.assertEqual(file_system(Path("/x"), ""), "")
