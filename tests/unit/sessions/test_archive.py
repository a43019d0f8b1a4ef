"""Archives of images: read, refused, and written anew with the layers that somebody lacks."""

from __future__ import annotations

import json
import tarfile
import tempfile
from hashlib import sha256
from typing import BinaryIO

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.sessions import archive as archives
from daprdockr.sessions.archive import MOST_TEXT, ArchivedFile, ImageArchive, read_archive
from tests.build.images import IMAGE, LAYERS, NAME, configuration, filled, listed, saved, tarred


def described(kind: bytes, content: bytes) -> bytes:
    """An entry of a kind that says something of others."""
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = kind, len(content)
    return entry.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % tarfile.BLOCKSIZE)


def regular(content: bytes) -> bytes:
    return described(tarfile.REGTYPE, content)


class ArchiveTests(SynchronousTestCase):
    def file(self, content: bytes) -> BinaryIO:
        return filled(self.enterContext(tempfile.TemporaryFile()), content)

    def read(self, content: bytes, name: str = NAME, image: str = "") -> ImageArchive:
        return read_archive(self.file(content), name, image)

    def refused(self, content: bytes, image: str = "") -> str:
        return str(self.assertRaises(BadInput, self.read, content, NAME, image))

    def written(self, archive: ImageArchive, held: int) -> bytes:
        found = b"".join(archive.pieces(held))
        self.assertEqual(len(found), archive.size(held))
        return found

    def test_whole(self) -> None:
        """An archive is written with its one image, by the one name, and with all layers in their order."""
        found = listed(self.written(self.read(saved(more={"evil/passwd": b"x", "repositories": b"{}"})), 0))
        config = f"{IMAGE.removeprefix('sha256:')}.json"
        self.assertEqual([*found], ["manifest.json", config, *(f"000{number}/layer.tar" for number in range(3))])
        self.assertEqual([*found.values()][1:], [configuration(), *LAYERS])
        (one,) = json.loads(found["manifest.json"])
        self.assertEqual((one["Config"], one["RepoTags"], one["Layers"]), (config, [NAME], [*found][2:]))

    def test_lacking(self) -> None:
        """Layers that the node has are left out, and named nevertheless."""
        archive = self.read(saved())
        for held in range(len(LAYERS) + 1):
            found = listed(self.written(archive, held))
            self.assertEqual([*found.values()][2:], [*LAYERS[held:]])
            self.assertEqual(len(json.loads(found["manifest.json"])[0]["Layers"]), len(LAYERS))

    def test_again(self) -> None:
        """An archive that was written can be read, and handed on to nodes that lack no more than it has."""
        again = self.read(self.written(self.read(saved(), name=""), 1), image=IMAGE)
        self.assertEqual((again.image, again.layers[0]), (IMAGE, None))
        self.assertEqual([*listed(self.written(again, 2)).values()][2:], [LAYERS[2]])
        self.assertIn("layer 1 is not in it", str(self.assertRaises(BadInput, again.size, 0)))

    def test_same_layer_twice(self) -> None:
        """Docker writes a layer that an image has twice once, with a link to it."""
        layers = (b"same", b"other", b"same")
        config = configuration(layers)
        manifest = json.dumps([{"Config": "c", "Layers": ["a/l", "b/l", "c/l"]}]).encode()
        files = {"a/l": b"same", "b/l": b"other", "c": config, "manifest.json": manifest}
        archive = self.read(tarred(files, {"c/l": "../a/l"}))
        self.assertEqual([*listed(self.written(archive, 1)).values()][2:], [b"other", b"same"])
        self.assertEqual(self.read(tarred(files, {"c/l": "../../etc/passwd"})).layers[2], None)

    def test_hard_link(self) -> None:
        """A hard link is followed too, and a directory is no file."""
        entry = tarfile.TarInfo("c/l")
        entry.type, entry.linkname = tarfile.LNKTYPE, "a/l"
        target = tarfile.TarInfo("a/l")
        target.offset_data, target.size = 512, 4
        found = archives._optional({"c/l": entry, "a/l": target}, "c/l")
        self.assertEqual(found, ArchivedFile(512, 4))
        target.type = tarfile.DIRTYPE
        self.assertIsNone(archives._optional({"a/l": target}, "a/l"))

    def test_refused(self) -> None:
        """Anything but an archive of exactly one image is refused in one line."""
        config, one = configuration(), {"Config": "c", "Layers": ["l"]}

        def manifest(*images: object) -> bytes:
            return tarred({"c": config, "l": b"", "manifest.json": json.dumps(images).encode()})

        for content, text in (
            (b"", "not usable"),
            (b"x" * 10240, "not usable"),
            (saved()[:4000], "not usable"),
            (tarred({"c": config}), "manifest.json is not in it"),
            (manifest(), "exactly one image"),
            (manifest(one, one), "exactly one image"),
            (tarred({"manifest.json": b"{}"}), "exactly one image"),
            (manifest({"Layers": []}), "Config is missing"),
            (manifest(one), "does not name the layers"),
            (manifest({**one, "Config": "gone"}), "gone is not in it"),
            (tarred({"manifest.json": b"[1]"}), "not usable"),
        ):
            self.assertIn(text, self.refused(content))

    def test_other(self) -> None:
        """An archive of another image than was asked for is refused, whatever it says about itself."""
        self.assertIn("another image", self.refused(saved((b"other",)), IMAGE))
        self.assertEqual(self.read(saved(), image=IMAGE).image, f"sha256:{sha256(configuration()).hexdigest()}")

    def test_bounds(self) -> None:
        """Texts and entries of an archive are bounded."""
        self.assertIn("octets", self.refused(tarred({"manifest.json": b" " * (MOST_TEXT + 1)})))
        self.patch(archives, "MOST_ENTRIES", 3)
        self.assertIn("none that Docker writes", self.refused(saved()))
        same = tarfile.TarInfo("a").tobuf(tarfile.GNU_FORMAT)
        self.assertIn("none that Docker writes", self.refused(4 * same + bytes(1024)))

    def test_descriptions(self) -> None:
        """Entries that describe the next one are bounded in length and number, and impossible sizes are refused."""
        long = tarfile.TarInfo("././@LongLink")
        long.type, long.size = tarfile.GNUTYPE_LONGNAME, 1
        name = long.tobuf(tarfile.GNU_FORMAT) + b"x".ljust(512, b"\0")
        long.size = archives.MOST_DESCRIPTION + 1
        extended = tarfile.TarInfo("x")
        extended.type, extended.size = tarfile.XHDTYPE, 31
        impossible = extended.tobuf(tarfile.GNU_FORMAT) + (b"9" * 23 + b" path=a\n").ljust(512, b"\0")
        for content in (long.tobuf(tarfile.GNU_FORMAT) + bytes(20480), name * 3000 + bytes(1024)):
            self.assertIn("none that Docker writes", self.refused(content))
        # of this one Python 3.11.2, that of Debian 12, says "invalid header" itself
        self.assertIn("the archive of the image is not usable", self.refused(impossible + saved()))

    def test_bombs(self) -> None:
        """Entries of which little makes much are refused, or forgotten: a small archive takes little memory."""
        words = "".join(f"10 k{number:04}=\n" for number in range(300)).encode()
        plain = b"".join(tarfile.TarInfo(f"f{number}").tobuf(tarfile.GNU_FORMAT) for number in range(1000))
        sparse = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
        parts = b"9999999\n" + b"0\n" * 500_000
        self.assertIn("none that Docker writes", self.refused(described(tarfile.XGLTYPE, words) + plain))
        self.assertIn("none that Docker writes", self.refused(described(tarfile.XHDTYPE, sparse) + regular(parts)))
        self.assertIn("none that Docker writes", self.refused(described(tarfile.GNUTYPE_SPARSE, b"")))
        file = self.file(described(tarfile.XHDTYPE, words) + regular(b"") + bytes(1024))
        file.seek(0)
        self.assertEqual([dict(one.pax_headers) for one in archives._entries(file).values()], [{}])

    def test_nested(self) -> None:
        """A list of images that is nested without end is refused, too."""
        self.assertIn("none that Docker writes", self.refused(tarred({"manifest.json": b"[" * 200_000})))

    def test_cut_short(self) -> None:
        """A file that is shorter than it was is an error, and no endless loop."""
        archive = self.read(saved())
        cut = evolve(archive, layers=(ArchivedFile(10**9, 5),))
        self.assertRaises(OSError, lambda: [*cut.pieces(0)])
