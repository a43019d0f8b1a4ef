"""The end of a tar archive that comes in pieces."""

from __future__ import annotations

import io
import tarfile

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.peer.tar_walk import TarWalk

END = bytes(1024)
ZEROS = bytes(5000)


def archive(fmt: int = tarfile.PAX_FORMAT) -> bytes:
    """An archive of a directory, a file of zeros with a long name, an empty one, and links to it, without its end."""
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w", format=fmt) as writer:
        for name, kind in (("d", tarfile.DIRTYPE), ("d/" + "n" * 200, tarfile.REGTYPE), ("e", tarfile.REGTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.size = kind, len(ZEROS) if "n" in name else 0
            writer.addfile(entry, io.BytesIO(ZEROS))
        for kind in (tarfile.LNKTYPE, tarfile.SYMTYPE):
            entry = tarfile.TarInfo("l")
            entry.type, entry.linkname = kind, "d/" + "n" * 200
            writer.addfile(entry)
        return found.getvalue()[: writer.offset]


def large() -> bytes:
    """The header of a file of nine gigabytes, as Go's library writes it: its size is in the records before it."""
    records = b"19 size=9000000000\n"
    described, header = tarfile.TarInfo("PaxHeaders.0/f"), tarfile.TarInfo("f")
    described.type, described.size = tarfile.XHDTYPE, len(records)
    return described.tobuf(tarfile.USTAR_FORMAT) + records.ljust(512, b"\0") + header.tobuf(tarfile.USTAR_FORMAT)


def walk(data: bytes, piece: int = 1 << 20) -> TarWalk:
    found = TarWalk()
    for at in range(0, len(data), piece):
        found.take(data[at : at + piece])
    return found


class WalkTests(SynchronousTestCase):
    def test_whole(self) -> None:
        """An archive has its end behind its last entry, in whichever pieces it comes."""
        for fmt in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
            data = archive(fmt)
            for piece in (1, 511, 512, 513, 1 << 20):
                self.assertEqual([walk(one, piece).is_whole for one in (data, data + END)], [False, True], piece)

    def test_cut_off(self) -> None:
        """Cut off anywhere it is not whole, also in the middle of a file that has nothing but zeros."""
        data = archive() + END
        found, whole = TarWalk(), []
        for at in range(len(data)):
            found.take(data[at : at + 1])
            whole.append(found.is_whole)
        self.assertEqual((whole.index(True), whole.count(True)), (len(data) - 1, 1))

    def test_large(self) -> None:
        """A file of more than eight gigabytes is passed over as a whole."""
        found = walk(large())
        found.take(END)
        self.assertFalse(found.is_whole)

    def test_no_archive(self) -> None:
        """Octets that are no archive have no end."""
        for data in (b"x" * 512, b"\xff" * 512, large().replace(b"19 size", b"00 size"), large().replace(b"=9", b"=x")):
            self.assertFalse(walk(data + END).is_whole)
