"""``volume backup`` and ``volume restore``, with a node at loopback and pipes of the test."""

from __future__ import annotations

import io
import os
import pty
import tarfile

from attrs import evolve

from daprdockr.cli.parse import read_request
from daprdockr.cli.volume_archives import Archives
from daprdockr.model.errors import BadInput, NotFound
from daprdockr.model.frames import FrameKind
from daprdockr.model.session import BackupAsked, RestoreAsked
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.sessions.client import SessionFailed
from tests.build.command_line import ShowCase
from tests.build.values import KEYS, instance, named
from tests.fakes.command_line import command_line
from tests.fakes.peer_node import PeerConnection, PeerNode, pipe

FIRST = instance(1)


def archive() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a"))
    return made.getvalue()


class ArchivesTests(ShowCase):
    def setUp(self) -> None:
        super().setUp()
        self.claim(1, ClaimRecord("a"))
        self.received = b""
        self.asked: object = None

    def archives(self, *plays: object, stdin: int = 0, stdout: int = 1) -> Archives:
        node = PeerNode(self, *plays)  # type: ignore[arg-type]
        self.store.put(KEYS.node("a"), node.record().encode(), self.store.lease)
        request = evolve(read_request(["volume", "backup", "1.web.myapp", "data"], {}), keys=KEYS)
        return Archives(request, self.store, stdin, stdout)

    def takes(self, *last: tuple[FrameKind, bytes]) -> object:
        """A node that takes all input, and then sends these."""

        def play(peer: PeerConnection) -> None:
            self.asked = peer.accept().asked
            while (found := peer.next()) is not None and found[0] is FrameKind.INPUT:
                self.received += found[1]
            peer.send(*last)

        return play

    def given(self, content: bytes) -> int:
        reader, writer = pipe(self)
        os.write(writer, content)
        os.close(writer)
        return reader

    def test_backup(self) -> None:
        """The archive that the node sends is written as it is."""
        reader, writer = pipe(self)

        def play(peer: PeerConnection) -> None:
            self.asked = peer.accept((FrameKind.OUTPUT, b"one")).asked
            peer.send((FrameKind.OUTPUT, b" two"), (FrameKind.STATUS, b"0"))

        self.archives(play, stdout=writer).backup(FIRST, "data")
        self.assertEqual((os.read(reader, 100), self.asked), (b"one two", BackupAsked(FIRST, "data")))

    def test_backup_cut_off(self) -> None:
        """An archive that is not whole is said to be that."""
        _, writer = pipe(self)
        archives = self.archives(lambda peer: peer.accept((FrameKind.OUTPUT, b"one")), stdout=writer)
        error = self.assertRaises(SessionFailed, archives.backup, FIRST, "data")
        self.assertIn("the archive that was written is not whole", str(error))

    def test_backup_disk_full(self) -> None:
        """A disk without room for the archive is an error, and no end in silence."""
        full = os.open("/dev/full", os.O_WRONLY)
        self.addCleanup(os.close, full)
        archives = self.archives(lambda peer: peer.accept((FrameKind.OUTPUT, b"one")), stdout=full)
        error = self.assertRaises(OSError, archives.backup, FIRST, "data")
        self.assertEqual("No space left on device", error.strerror)

    def test_restore(self) -> None:
        """All of stdin is sent, its first block too."""
        archives = self.archives(self.takes((FrameKind.STATUS, b"0")), stdin=self.given(archive()))
        archives.restore(FIRST, "data")
        self.assertEqual((self.received, self.asked), (archive(), RestoreAsked(FIRST, "data")))

    def test_restore_refused(self) -> None:
        """The reason of the node is the line."""
        archives = self.archives(self.takes((FrameKind.REFUSED, b"no space left")), stdin=self.given(archive()))
        error = self.assertRaises(SessionFailed, archives.restore, FIRST, "data")
        self.assertEqual(str(error), "not restored: no space left")

    def test_restore_cut_off(self) -> None:
        """If the node is lost in the middle, the error says what the volume may contain."""
        archives = self.archives(self.takes(), stdin=self.given(archive()))
        error = str(self.assertRaises(SessionFailed, archives.restore, FIRST, "data"))
        self.assertIn("node a is lost", error)
        self.assertTrue(error.endswith("; volume data may have a part of the archive, restore it again"), error)

    def test_no_archive(self) -> None:
        """Nothing, a compressed archive and a terminal are refused before anything is sent."""
        for content, part in (
            (b"", "stdin is empty: give it a tar archive, as in < data.tar"),
            (b"\x1f\x8b" + bytes(600), "stdin is no tar archive"),
            (archive()[:300], "stdin is no tar archive"),
        ):
            archives = self.archives(stdin=self.given(content))
            error = self.assertRaises(BadInput, archives.restore, FIRST, "data")
            self.assertIn(part, str(error))
        for end in pty.openpty():
            self.addCleanup(os.close, end)
        archives = self.archives(stdin=end, stdout=end)
        self.assertRaises(BadInput, archives.restore, FIRST, "data")
        self.assertRaises(BadInput, archives.backup, FIRST, "data")

    def test_nowhere(self) -> None:
        """An instance on no node has no volume that can be reached."""
        self.store.put(KEYS.service(named("web").name), named("web").encode())
        _, writer = pipe(self)
        self.assertRaises(NotFound, self.archives(stdout=writer).backup, instance(2), "data")

    def test_words(self) -> None:
        """An instance and a volume are needed."""
        for words, part in (
            (("backup", "1.web.myapp"), "needs an instance, and the name of its volume"),
            (("restore", "x", "data"), "x"),
            (("backup", "1.web.myapp", "data", "-o", "json"), "-o has no use with volume backup"),
        ):
            done = command_line(self.store, "volume", *words)
            self.assertNotEqual(done.status, 0)
            self.assertIn(part, done.stderr)
