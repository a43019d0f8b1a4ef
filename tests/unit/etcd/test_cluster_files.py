"""The files by which a host belongs to a cluster."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import HostPart


class ClusterFilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.files = ClusterFiles(Path(self.mktemp()).absolute())

    def test_nothing(self) -> None:
        """A host that belongs to no cluster has no part and no access, and cannot sign."""
        self.assertEqual((self.files.part(), self.files.access()), (None, None))
        self.assertIn("ca.key is missing", str(self.assertRaises(BadInput, self.files.authority_pair)))

    def test_private(self) -> None:
        """Files and their directory are root's alone."""
        self.files.write(self.files.host_key, b"key")
        self.assertEqual(self.files.directory.stat().st_mode & 0o777, 0o700)
        self.assertEqual(self.files.host_key.stat().st_mode & 0o777, 0o600)

    def test_part(self) -> None:
        """The part that was written is read again."""
        part = HostPart("a", "10.0.0.1", ("a=https://10.0.0.1:2380",), "5f")
        self.files.write(self.files.host, part.encode())
        self.assertEqual(self.files.part(), part)

    def test_access(self) -> None:
        """The access leads to all endpoints, with the files of this host."""
        for path in (self.files.authority, self.files.agent_certificate, self.files.host_key):
            self.files.write(path, b"pem")
        self.files.write_endpoints(("https://10.0.0.1:2379", "https://10.0.0.2:2379"))
        access = self.files.access()
        assert access is not None
        self.assertEqual(str(access), "https://10.0.0.1:2379, https://10.0.0.2:2379")
        self.assertEqual((access.ca, access.key), (self.files.authority, self.files.host_key))

    def test_damaged(self) -> None:
        """A damaged list of endpoints is refused; one that cannot be read counts as absent, for it is root's."""
        self.files.write(self.files.endpoints, b"{}")
        self.assertRaises(BadInput, self.files.access)
        self.files.endpoints.unlink()
        self.files.endpoints.mkdir()
        self.assertIsNone(self.files.access())

    def test_unwritable(self) -> None:
        """A file that cannot be written is named, and so is a directory that cannot be made."""
        self.files.host.mkdir(parents=True)
        error = self.assertRaises(BadInput, self.files.write, self.files.host, b"")
        self.assertIn(f"{self.files.host} cannot be written", str(error))
        self.files.host.rmdir()
        self.files.directory.rmdir()
        self.files.directory.write_bytes(b"")
        error = self.assertRaises(BadInput, self.files.write, self.files.host, b"")
        self.assertIn(f"{self.files.directory} cannot be made", str(error))

    def test_authority(self) -> None:
        """The authority has two files."""
        self.files.write(self.files.authority, b"chain")
        self.files.write(self.files.authority_key, b"key")
        self.assertEqual(self.files.authority_pair().key, "key")
