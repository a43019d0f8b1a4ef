"""Files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.process.atomic import overwrite, replace_file


class WriteWholeTests(SynchronousTestCase):
    """``replace_file``."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.path = self.directory / "known.json"

    def test_replaces(self) -> None:
        """The new content takes the old one's place, and nothing else is left."""
        for synced in (True, False):
            for content in (b"a" * 100_000, b"", b"short"):
                replace_file(self.path, content, synced)
                self.assertEqual((self.path.read_bytes(), list(self.directory.iterdir())), (content, [self.path]))

    def test_never_half(self) -> None:
        """A reader that has opened the file goes on reading the old content."""
        replace_file(self.path, b"old", synced=False)
        with self.path.open("rb") as reader:
            replace_file(self.path, b"new one", synced=False)
            self.assertEqual((reader.read(), self.path.read_bytes()), (b"old", b"new one"))

    def test_can_not_be_written(self) -> None:
        """When the draft cannot be written the old content stays."""
        replace_file(self.path, b"old", synced=True)
        (self.directory / "known.json.new").mkdir()
        self.assertRaises(OSError, replace_file, self.path, b"new", synced=True)
        self.assertEqual(self.path.read_bytes(), b"old")

    def test_left_by_a_crash(self) -> None:
        """A draft that a crash left half written is in nobody's way."""
        (self.directory / "known.json.new").write_bytes(b"half of a much longer dra")
        replace_file(self.path, b"new", synced=True)
        self.assertEqual((self.path.read_bytes(), list(self.directory.iterdir())), (b"new", [self.path]))

    def test_private(self) -> None:
        """Only the owner can read the file, whatever mode the former one had."""
        self.path.write_bytes(b"old")
        self.path.chmod(0o644)
        replace_file(self.path, b"new", synced=False)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_planted_link(self) -> None:
        """A link under the name of the draft is not followed."""
        victim = self.directory / "victim"
        victim.write_bytes(b"precious")
        (self.directory / "known.json.new").symlink_to(victim.resolve())
        replace_file(self.path, b"new", synced=False)
        self.assertEqual((victim.read_bytes(), self.path.read_bytes()), (b"precious", b"new"))
        self.assertFalse(self.path.is_symlink())

    def test_in_parts(self) -> None:
        """Content that is written in parts is there as a whole."""
        replace_file(self.path, (part for part in (b"one ", b"two")), synced=False)
        self.assertEqual(self.path.read_bytes(), b"one two")


class WithoutRoomTests(SynchronousTestCase):
    """``overwrite``: what is done without room for another file."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.path, self.spare = self.directory / "known", self.directory / "spare"

    def test_overwrites(self) -> None:
        """The content is replaced in the same file, which keeps its length."""
        self.path.write_bytes(b"former")
        before = self.path.stat().st_ino
        overwrite(self.path, b"new")
        self.assertEqual((self.path.read_bytes(), self.path.stat().st_ino), (b"new   ", before))

    def test_no_room_there(self) -> None:
        """A file that is too short, or a link, is not touched."""
        self.path.write_bytes(b"former")
        self.assertRaises(OSError, overwrite, self.path, b"longer ones")
        self.spare.symlink_to(self.path)
        self.assertRaises(OSError, overwrite, self.spare, b"new")
        self.assertEqual(self.path.read_bytes(), b"former")
