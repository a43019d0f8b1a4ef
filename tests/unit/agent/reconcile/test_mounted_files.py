"""The files of this host that containers have mounted."""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reconcile.mounted_files import FileToMount, MountedFiles
from daprdockr.model.errors import EngineFailed

ROOM = 1024 * 1024


def secrets(*contents: bytes) -> Sequence[FileToMount]:
    return [FileToMount(content, 0o400, f"s{number}") for number, content in enumerate(contents, 1)]


class MountedFilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.place = Path(self.mktemp())
        self.place.mkdir()
        self.files = self.make()

    def make(self) -> MountedFiles:
        return MountedFiles(choose=lambda: self.place, places=(self.place,))

    def test_written(self) -> None:
        """The files have their permissions, and nobody else comes to them; given to their user they are complete."""
        one, two = self.files.write("c1", [*secrets(b"one"), FileToMount(b"two", 0o555, "s2")])
        self.assertEqual((one.read_bytes(), two.read_bytes()), (b"one", b"two"))
        self.assertEqual([path.stat().st_mode & 0o777 for path in (one, two, one.parent)], [0o400, 0o555, 0o700])
        self.assertEqual((self.files.are_there("c1", 2), self.files.is_complete("c1")), (True, False))
        self.files.give("c1", os.geteuid())
        self.assertEqual((self.files.is_complete("c1"), self.files.stamps("c1")), (True, ("s1", "s2")))
        self.assertEqual(one.stat().st_uid, os.geteuid())

    def test_written_again(self) -> None:
        """Files that are written again are not complete until they were given to their user."""
        self.files.write("c1", secrets(b"one", b"two"))
        self.files.give("c1", os.geteuid())
        (path,) = self.files.write("c1", secrets(b"new"))
        self.assertEqual(path.read_bytes(), b"new")
        self.assertEqual((self.files.is_complete("c1"), self.files.are_there("c1", 2)), (False, False))
        self.assertEqual(self.files.stamps("c1"), ())

    def test_in_its_place(self) -> None:
        """A program that has the file open, as a mount has, sees another content in it, a shorter one too."""
        (path,) = self.files.write("c1", secrets(b"first"))
        with path.open("rb") as opened:
            for content in (b"the second", b"3rd", b""):
                self.files.rewrite("c1", {0: content})
                opened.seek(0)
                self.assertEqual(opened.read(), content)
        self.assertEqual(path.stat().st_mode & 0o777, 0o400)
        path.unlink()
        with self.assertRaisesRegex(EngineFailed, f"cannot be written in {self.place}: "):
            self.files.rewrite("c1", {0: b"x"})

    def test_rewritten_without_room(self) -> None:
        """A content for which there is no room leaves the former one whole."""
        (path,) = self.files.write("c1", secrets(b"f" * 1000))
        usual = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, usual[1]))  # instead of a file system that is full
        try:
            with self.assertRaisesRegex(EngineFailed, f"cannot be written in {self.place}: "):
                self.files.rewrite("c1", {0: b"s" * (ROOM + 1)})
            with self.assertRaisesRegex(EngineFailed, f"cannot be written in {self.place}: File too large"):
                self.files.write("c2", secrets(b"s" * (ROOM + 1)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        self.assertEqual(path.read_bytes(), b"f" * 1000)

    def test_marked(self) -> None:
        """The stamps of which a container knows outlive the agent; a mark that cannot be read is none."""
        self.files.write("c1", secrets(b"one"))
        self.files.give("c1", os.geteuid())
        self.files.mark("c1", ["s2"])
        self.assertEqual(self.make().stamps("c1"), ("s2",))
        (self.place / "c1" / "complete").write_bytes(b"\xff")
        self.assertEqual((self.make().stamps("c1"), self.make().is_complete("c1")), ((), True))
        with self.assertRaises(EngineFailed):
            self.files.mark("none", ["s1"])

    def test_gone(self) -> None:
        """A container that was removed is none that is to be created: nothing of it stays or comes back."""
        self.files.write("a", secrets(b"x"))
        (self.place / "a.new").mkdir()
        self.files.remove("a")
        self.assertEqual(list(self.place.iterdir()), [])
        (self.place / "a").mkdir()
        self.files.keep_only(())
        self.assertFalse((self.place / "a").exists())

    def test_removed(self) -> None:
        """Files go with their container; those of containers that are gone go when others are written."""
        self.files.write("c1", secrets(b"one"))
        self.files.remove("c1")
        self.assertFalse(self.files.are_there("c1", 1))
        self.files.write("c2", secrets(b"two"))
        self.files.write("c3", secrets(b"three"))
        self.files.keep_only([])  # they are being created
        after = self.make()
        after.keep_only(["c3"])
        self.assertEqual([after.are_there(name, 1) for name in ("c2", "c3")], [False, True])
