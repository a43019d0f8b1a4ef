"""The places of mounted files."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reconcile.mounted_files import FileToMount, MountedFiles
from daprdockr.agent.reconcile.places import InMemory, file_system, on_disk, read_mounts
from daprdockr.model.errors import EngineFailed

TMPFS = "1 0 0:1 / / rw - tmpfs tmpfs rw"
DISK = "1 0 8:1 / / rw - ext4 /dev/sda1 rw"
ONE = [FileToMount(b"one", 0o400)]


class PlacesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.place = Path(self.mktemp())
        self.mounts = TMPFS

    def make(self, *before: Path, folder: str = "a") -> MountedFiles:
        return InMemory((*before, self.place), folder, lambda: self.mounts).files

    def test_apart(self) -> None:
        """Two agents of one host have nothing to do with each other's files."""
        files = self.make()
        files.write("c1", ONE)
        self.make(folder="b").keep_only([])
        self.assertTrue(files.are_there("c1", 1))

    def test_on_a_disk(self) -> None:
        """No secret is written to a disk; the error says what to do."""
        self.mounts = DISK
        with self.assertRaisesRegex(EngineFailed, "is on a disk.*--memory-dir"):
            self.make().write("c1", ONE)
        self.assertFalse(self.place.exists())

    def test_read_only(self) -> None:
        """Where the first place cannot be written to, as a read-only ``/run``, the next one is taken."""
        blocked = Path(self.mktemp())
        blocked.write_text("in the way")
        files = self.make(blocked / "run")
        (path,) = files.write("c1", ONE)
        files.mark("c1", ["s1"])
        self.assertTrue(path.is_relative_to(self.place) and files.is_complete("c1") and files.are_there("c1", 1))
        files.remove("c1")
        self.assertFalse(path.exists())

    def test_no_room(self) -> None:
        """A place that cannot be written to is one line."""
        self.place.write_text("a file")
        with self.assertRaisesRegex(EngineFailed, "cannot be written"):
            self.make().write("c1", ONE)
        with self.assertRaisesRegex(EngineFailed, "cannot be given"):
            self.make().give("c1", 0)

    def test_state_directory(self) -> None:
        """Files that are not secret are on the disk, where only root comes to them but through a mount."""
        state = Path(self.mktemp())
        state.mkdir()
        (path,) = on_disk(state).write("c1", [FileToMount(b"one", 0o444)])
        self.assertEqual(path.parents[1], state / "files")
        self.assertEqual([one.stat().st_mode & 0o777 for one in (path, path.parents[1])], [0o444, 0o700])

    def test_file_systems(self) -> None:
        """The mount that is nearest above a path counts, and of several at one place the last."""
        mounts = "\n".join((DISK, "2 1 0:2 / /run rw - tmpfs tmpfs rw", "3 1 0:3 / /running rw - xfs x rw", "garbage"))
        self.assertEqual(file_system(Path("/run/daprdockr/x"), mounts), "tmpfs")
        self.assertEqual(file_system(Path("/var/lib"), mounts), "ext4")
        self.assertEqual(file_system(Path("/running"), mounts), "xfs")
        self.assertEqual(file_system(Path("/run"), mounts + "\n4 2 0:4 / /run rw - overlay o rw"), "overlay")
        self.assertEqual(file_system(Path("/a b/c"), mounts + "\n5 1 0:5 / /a\\040b rw - ramfs r rw"), "ramfs")

    def test_names_of_other_mounts(self) -> None:
        """A mount may have a name of any octets, which the kernel writes as they are: it is found by them."""
        odd = os.fsdecode(b"/run/caf\xe9\xc2\x85\xc2\xa0x")
        path = Path(self.mktemp())
        path.write_bytes(b"2 1 0:2 / /run rw - tmpfs tmpfs rw\n5 1 0:5 / %s rw - ext4 sda rw\n" % os.fsencode(odd))
        mounts = read_mounts(path)
        found = [file_system(Path(one), mounts) for one in ("/run", odd, odd + "/x")]
        self.assertEqual(found, ["tmpfs", "ext4", "ext4"])
        self.assertEqual(file_system(Path("/run/ä"), mounts + "6 1 0:6 / /run/ä rw - xfs x rw"), "xfs")
        self.assertEqual(file_system(Path("/x"), ""), "")
