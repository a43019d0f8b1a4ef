"""Files that are read with suspicion, and what becomes of those that cannot be used."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Generator
from pathlib import Path, PosixPath

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.process.kept import private_directory, read_kept, tidy

LIMIT = 100


def decode(content: bytes) -> bytes:
    """Takes anything but "bad"."""
    if content == b"bad":
        raise BadInput("it is bad")
    return content


class KeptCase(SynchronousTestCase):
    """A directory with a file, and a victim elsewhere that links lead to."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir(mode=0o755)
        self.path = self.directory / "known.json"
        self.victim = Path(self.mktemp()).absolute()
        self.victim.write_bytes(b"precious")
        self.victim.chmod(0o644)

    @property
    def plants(self) -> list[Callable[[], object]]:
        """Ways to put something else in the place of the file."""
        return [
            lambda: self.path.symlink_to(self.victim),
            lambda: self.path.symlink_to("nowhere"),
            lambda: os.mkfifo(self.path),
            lambda: self.path.mkdir(),
            lambda: socket.socket(socket.AF_UNIX).bind(os.path.relpath(self.path)),
            lambda: os.mknod(self.path, 0o600 | 0o020000, os.makedev(1, 5)),  # /dev/zero
        ]

    @property
    def names(self) -> list[str]:
        return sorted(os.listdir(self.directory))


class ReadKeptTests(KeptCase):
    """``read_kept``."""

    def read(self) -> bytes | None:
        return read_kept(self.path, LIMIT, decode)

    def test_read(self) -> None:
        """A file is read, an empty one too; an absent one gives None; nothing is logged."""
        with capturedLogs() as logged:
            self.assertIsNone(self.read())
            for content in (b"", b"x" * LIMIT):
                self.path.write_bytes(content)
                self.assertEqual(self.read(), content)
        self.assertEqual(logged, [])

    def assert_set_aside(self) -> None:
        with capturedLogs() as logged:
            self.assertIsNone(self.read())
            self.assertIsNone(self.read())
        self.assertEqual((len(logged), self.names), (1, ["known.json.unreadable"]))

    def test_content(self) -> None:
        """Content that cannot be decoded, or is too long, is set aside with one line, over any set aside before."""
        for content in (b"bad", b"x" * (LIMIT + 1), b"bad"):
            self.path.write_bytes(content)
            self.assert_set_aside()
            self.assertEqual((self.directory / "known.json.unreadable").read_bytes(), content)

    def test_power_failure(self) -> None:
        """A file that has only zeros after a power failure is set aside with that reason."""
        self.path.write_bytes(bytes(50))
        with capturedLogs() as logged:
            self.assertIsNone(self.read())
        self.assertEqual(logged[0]["reason"], "it has nothing but zeros, as after a power failure")
        self.assertEqual(self.names, ["known.json.unreadable"])

    def test_planted(self) -> None:
        """So is what is no file of ours; no link is followed, and no pipe is waited for."""
        if os.geteuid():
            self.skipTest("a device is made by root alone")
        for plant in self.plants:
            plant()
            self.assert_set_aside()
            aside = self.directory / "known.json.unreadable"
            aside.rmdir() if aside.is_dir() and not aside.is_symlink() else aside.unlink()
        self.assertEqual(self.victim.read_bytes(), b"precious")

    def test_foreign(self) -> None:
        """So is a file that belongs to another user, who may change it at any time."""
        if os.geteuid():
            self.skipTest("a file is given away by root alone")
        self.path.write_bytes(b"x")
        os.chown(self.path, 65534, 65534)
        self.assert_set_aside()

    def test_cannot_be_moved(self) -> None:
        """A file that cannot be set aside is logged, and counts as absent."""
        self.path.mkdir()
        aside = self.directory / "known.json.unreadable"
        aside.mkdir()
        (aside / "full").mkdir()
        with capturedLogs() as logged:
            self.assertIsNone(self.read())
        self.assertEqual(len(logged), 1)


class Fleeting(PosixPath):
    """A directory from which each file is removed once it was listed, as another process may do."""

    def iterdir(self) -> Generator[Fleeting, None, None]:
        for path in super().iterdir():
            path.unlink()
            yield path


class TidyTests(KeptCase):
    """``tidy`` and ``private_directory``."""

    def test_closed(self) -> None:
        """Directory and files are closed to others; what they may do for their owner stays."""
        self.path.write_bytes(b"x")
        self.path.chmod(0o754)
        below = self.directory / "temp"
        below.mkdir(mode=0o755)
        tidy(self.directory)
        modes = [path.stat().st_mode & 0o777 for path in (self.directory, self.path, below)]
        self.assertEqual(modes, [0o700, 0o700, 0o755])

    def test_planted(self) -> None:
        """Files that no program of ours makes are set aside, once; sockets and directories without a dot stay."""
        if os.geteuid():
            self.skipTest("a device is made by root alone")
        for plant in self.plants:
            plant()
            is_socket = self.path.is_socket()
            for _ in range(2):
                tidy(self.directory)
                self.assertEqual(self.names, ["known.json" if is_socket else "known.json.unreadable"])
            for name in self.names:
                path = self.directory / name
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        self.assertEqual((self.victim.read_bytes(), self.victim.stat().st_mode & 0o777), (b"precious", 0o644))

    def test_absent(self) -> None:
        """No directory is none, and none is made."""
        tidy(self.directory / "none")
        self.assertEqual(self.names, [])

    def test_planted_directory(self) -> None:
        """A link, or anything else, in the place of a directory is set aside, and a new one made."""
        elsewhere = Path(self.mktemp()).absolute()
        elsewhere.mkdir(mode=0o755)
        place = self.directory / "nginx"
        for plant in (lambda: place.symlink_to(elsewhere), lambda: place.write_bytes(b""), lambda: os.mkfifo(place)):
            plant()
            private_directory(place)
            self.assertEqual((self.names, place.lstat().st_mode & 0o777), (["nginx", "nginx.unreadable"], 0o700))
            place.rmdir()
        self.assertEqual((list(elsewhere.iterdir()), elsewhere.stat().st_mode & 0o777), ([], 0o755))

    def test_foreign_directory(self) -> None:
        """So is a directory of another user."""
        if os.geteuid():
            self.skipTest("a directory is given away by root alone")
        place = self.directory / "nginx"
        place.mkdir()
        os.chown(place, 65534, 65534)
        private_directory(place)
        self.assertEqual((place.stat().st_uid, self.names), (os.geteuid(), ["nginx", "nginx.unreadable"]))

    def test_removed_meanwhile(self) -> None:
        """A file that another process removes in this moment is no hindrance."""
        directory = Path(self.mktemp())
        directory.mkdir()
        (directory / "nginx.pid").write_text("1")
        tidy(Fleeting(directory))
        self.assertEqual([], [*directory.iterdir()])
