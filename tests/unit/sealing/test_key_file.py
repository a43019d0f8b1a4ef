"""The file with the cluster's private keys."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.key_file import MOST_KEYS, add_key, create_keys, read_keys

KEYS = (PrivateKey.generate(), PrivateKey.generate())


class KeyFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "cluster.key"

    def test_kept(self) -> None:
        """The keys come back in their order, from a file that only its owner can read; no draft is left."""
        create_keys(self.path, KEYS)
        self.assertEqual(read_keys(self.path), KEYS)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(self.path.parent), ["cluster.key"])

    def test_never_replaced(self) -> None:
        """A file, or a link, of that name stays as it is."""
        self.path.write_text("mine")
        link = self.path.with_name("link")
        link.symlink_to("nowhere")
        for there in (self.path, link):
            with self.assertRaisesRegex(BadInput, "exists, and is not replaced"):
                create_keys(there, KEYS)
        self.assertEqual(self.path.read_text(), "mine")
        self.assertEqual(sorted(os.listdir(self.path.parent)), ["cluster.key", "link"])

    def test_as_many_as_may_be(self) -> None:
        """A new key comes first, and pushes no other one out: the oldest may be all that opens a backup."""
        keys = tuple(PrivateKey.generate() for _ in range(MOST_KEYS - 1))
        create_keys(self.path, keys)
        full = (add_key(self.path, keys), *keys)
        with self.assertRaisesRegex(BadInput, "has 16 keys, as many as it may have: delete the last line"):
            add_key(self.path, full)
        self.assertEqual(read_keys(self.path), full)

    def test_linked(self) -> None:
        """A new key comes into the file behind a symbolic link, where others read it, and into no other directory."""
        create_keys(self.path, KEYS)
        other = self.path.parent / "etc"
        other.mkdir()
        link = other / "cluster.key"
        link.symlink_to(self.path.absolute())
        added = add_key(link, KEYS)
        self.assertEqual(read_keys(self.path), (added, *KEYS))
        self.assertTrue(link.is_symlink())

    def test_no_folder(self) -> None:
        """A place that cannot be written to is one line."""
        with self.assertRaisesRegex(BadInput, "cannot be written: No such file"):
            create_keys(self.path / "below", KEYS)

    def test_open_to_others(self) -> None:
        """A file that others can read is refused, with the remedy."""
        create_keys(self.path, KEYS)
        self.path.chmod(0o640)
        with self.assertRaisesRegex(BadInput, "chmod 600"):
            read_keys(self.path)

    def test_of_another_node(self) -> None:
        """A file without a key leads to that of another node first: a new key would open nothing."""
        self.path.write_bytes(b"")
        self.path.chmod(0o600)
        with self.assertRaisesRegex(BadInput, "is no cluster key: copy that of another node"):
            read_keys(self.path)

    def test_no_keys(self) -> None:
        """Anything else is refused in one line that shows none of it."""
        with self.assertRaisesRegex(BadInput, "cannot be read: No such file"):
            read_keys(self.path)
        create_keys(self.path, KEYS)
        whole = self.path.read_bytes()
        for content in (b"", b"# nothing\n", b"hunter2\n", whole[:-9], whole + b"more\n", b"\xff" * 9, whole * 2000):
            self.path.write_bytes(content)
            with self.assertRaises(BadInput) as caught:
                read_keys(self.path)
            self.assertNotIn("hunter2", str(caught.exception))
