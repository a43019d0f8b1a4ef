"""The operator's own certificates: found, followed, and refused one by one."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path, PosixPath
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.certifying import given_pairs
from daprdockr.agent.certifying.given_pairs import GivenDirectory, GivenPairs
from daprdockr.model.stored.certificate import FILE, MAX_PEM, CertificatePair
from daprdockr.model.stored.node import NodeRecord
from tests.build.pairs import self_signed

NOBODY = 65534


class FailingFolder(PosixPath):
    """A directory on a disk that fails for a while: names and sizes are known, and no content."""

    fails = True

    def open(self, *args: Any, **kwargs: Any) -> Any:
        if self.fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(self))
        return super().open(*args, **kwargs)


class GivenPairsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.directory = GivenDirectory(self.folder)

    def put(self, stem: str, pair: CertificatePair) -> None:
        (self.folder / f"{stem}.crt").write_text(pair.chain)
        (self.folder / f"{stem}.key").write_text(pair.key)

    def test_found(self) -> None:
        """Pairs are found by their names, wildcards in both spellings; other files mean nothing."""
        exact, wild, other = (self_signed((name,)) for name in ("example.com", "*.example.com", "*.example.org"))
        self.put("Example.com", exact)
        self.put("_.example.com", wild)
        self.put("*.example.org", other)
        (self.folder / "README").write_text("x")
        found = self.directory.read()
        self.assertEqual(
            {one.name: (one.source, one.pair) for one in found.certificates},
            {"example.com": (FILE, exact), "*.example.com": (FILE, wild), "*.example.org": (FILE, other)},
        )
        self.assertEqual(found.troubles, {})

    def test_odd_names(self) -> None:
        """A name that is no UTF-8 is reported such that the node's record can have it."""
        for name in (b"caf\xe9.crt", b"a\nb.key"):
            (self.folder / os.fsdecode(name)).touch()
        troubles = self.directory.read().troubles
        self.assertEqual(set(troubles), {"caf\\udce9", "a\\nb"})
        self.assertEqual(NodeRecord.decode(NodeRecord(uncertified=troubles).encode()).uncertified, troubles)

    def test_troubles(self) -> None:
        """A pair that cannot be used has a reason, and takes nothing from the others."""
        pair = self_signed(("example.com",))
        self.put("example.com", pair)
        self.put("other.com", pair)
        self.put("mixed.com", CertificatePair(self_signed(("mixed.com",)).chain, pair.key))
        self.put("broken.com", CertificatePair("x", "y"))
        self.put("long.com", CertificatePair("x" * (MAX_PEM + 1), "y"))
        self.put("no name", pair)
        (self.folder / "alone.com.key").write_text(pair.key)
        os.mkfifo(self.folder / "pipe.com.crt")
        found = self.directory.read()
        self.assertEqual([one.name for one in found.certificates], ["example.com"])
        for name, said in (
            ("other.com", "is for example.com, and not for other.com"),
            ("mixed.com", "the key does not belong"),
            ("broken.com", "is no PEM"),
            ("long.com", "more than 64 KiB"),
            ("no name", "is not usable"),
            ("pipe.com", "pipe.com.crt is no file"),
            ("alone.com", "alone.com.crt cannot be read: No such file"),
        ):
            self.assertIn(said, found.troubles.pop(name))
        self.assertEqual(found.troubles, {})

    def test_followed(self) -> None:
        """A file that changes is read again, one that does not is not; a pair that is gone is gone."""
        first, second = self_signed(("example.com",)), self_signed(("example.com",))
        self.put("example.com", first)
        (before,) = self.directory.read().certificates
        self.assertIs(self.directory.read().certificates[0], before)
        self.put("example.com", second)
        os.utime(self.folder / "example.com.crt", ns=(1, 1))
        (after,) = self.directory.read().certificates
        self.assertEqual((before.pair, after.pair), (first, second))
        (self.folder / "example.com.crt").unlink()
        (self.folder / "example.com.key").unlink()
        self.assertEqual(self.directory.read().certificates, ())

    def test_half_a_renewal(self) -> None:
        """While the new files cannot be used the former pair stays, with the reason; it goes with both of them."""
        first, second = self_signed(("example.com",)), self_signed(("example.com",))
        self.put("example.com", first)
        self.directory.read()
        for path, content in (("crt", second.chain), ("key", "no key")):
            (self.folder / f"example.com.{path}").write_text(content)
            found = self.directory.read()
            self.assertEqual([one.pair for one in found.certificates], [first])
            self.assertIn("so the former one is shown", found.troubles["example.com"])
        self.put("example.com", second)
        found = self.directory.read()
        self.assertEqual(([one.pair for one in found.certificates], found.troubles), ([second], {}))
        (self.folder / "example.com.key").unlink()
        self.assertEqual([one.pair for one in self.directory.read().certificates], [second])
        (self.folder / "example.com.crt").unlink()
        self.assertEqual(self.directory.read(), GivenPairs())

    def test_links(self) -> None:
        """Links that are replaced, as certbot does, lead to the new pair; one that leads nowhere is reported."""
        pairs = [self_signed(("example.com",)) for _ in range(2)]
        for number, pair in enumerate(pairs):
            archive = self.folder / f"archive{number}"
            archive.mkdir()
            for part, content in (("crt", pair.chain), ("key", pair.key)):
                (archive / part).write_text(content)
            for part in ("crt", "key"):
                link = self.folder / f"link.{part}"
                link.symlink_to((archive / part).absolute())
                link.rename(self.folder / f"example.com.{part}")
            self.assertEqual([one.pair for one in self.directory.read().certificates], [pair])
        (self.folder / "lost.com.crt").symlink_to("nowhere")
        (self.folder / "lost.com.key").symlink_to("nowhere")
        self.assertIn("lost.com.crt cannot be read: No such file", self.directory.read().troubles["lost.com"])

    def test_no_permission(self) -> None:
        """A file that this user may not read is reported, and takes nothing from the others."""
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        self.folder, self.directory = folder, GivenDirectory(folder)
        folder.chmod(0o755)
        for name in ("example.com", "other.com"):
            self.put(name, self_signed((name,)))
        (folder / "other.com.key").chmod(0)
        if os.geteuid() == 0:
            os.seteuid(NOBODY)
            self.addCleanup(os.seteuid, 0)
        found = self.directory.read()
        self.assertEqual([one.name for one in found.certificates], ["example.com"])
        self.assertEqual(found.troubles, {"other.com": "other.com.key cannot be read: Permission denied"})

    def test_disk_mended(self) -> None:
        """A pair that could not be read is there as soon as it can be, although its files are the same."""
        pair = self_signed(("example.com",))
        self.put("example.com", pair)
        folder = FailingFolder(self.folder)
        directory = GivenDirectory(folder)
        self.assertIn("Input/output error", directory.read().troubles["example.com"])
        FailingFolder.fails = False
        self.addCleanup(setattr, FailingFolder, "fails", True)
        found = directory.read()
        self.assertEqual(([one.pair for one in found.certificates], found.troubles), ([pair], {}))

    def test_bounded(self) -> None:
        """A pair too many is left out and reported, and neither disables nor displaces another one."""
        self.patch(given_pairs, "MOST_PAIRS", 1)
        pair = self_signed(("b.b",))
        self.put("b.b", pair)
        self.directory.read()
        for name in ("a.b", "c.b"):
            self.put(name, self_signed((name,)))
        found = self.directory.read()
        self.assertEqual([one.pair for one in found.certificates], [pair])
        self.assertEqual(found.troubles, {"a.b": "it is not read: an agent reads 1 pairs of a directory, which has 3"})

    def test_absent(self) -> None:
        """A directory that is not there is an error as a whole."""
        with self.assertRaises(FileNotFoundError):
            GivenDirectory(self.folder / "absent").read()
