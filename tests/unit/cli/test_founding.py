"""The first host of a cluster: what it makes, and how an interrupted attempt goes on."""

from __future__ import annotations

import datetime
import fcntl
import os
from pathlib import Path

from attrs import evolve
from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.founding import FirstHost, InCluster
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import HostPart
from daprdockr.process.pidfile import PidFile
from daprdockr.process.table import ProcessTable, Record
from daprdockr.sealing.key_file import read_keys

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class FirstHostTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.files = ClusterFiles(Path(self.mktemp()).absolute())
        self.said: list[str] = []
        self.host = FirstHost(self.files, "a", "10.0.0.1", lambda: NOW, self.said.append)

    def test_founded(self) -> None:
        """All that a member and an agent need is made, each with a line."""
        self.host.found()
        part = self.files.part()
        assert part is not None
        self.assertEqual((part.node, part.initial), ("a", ("a=https://10.0.0.1:2380",)))
        self.assertEqual(len(part.cluster), 16)
        self.assertEqual(len(read_keys(self.files.cluster_key)), 1)
        self.assertEqual(len(self.said), 6)
        issuer = x509.load_pem_x509_certificate(self.files.authority.read_bytes())
        for path in (self.files.member_certificate, self.files.agent_certificate):
            x509.load_pem_x509_certificate(path.read_bytes()).verify_directly_issued_by(issuer)
        access = self.files.access()
        self.assertEqual(str(access), "https://10.0.0.1:2379")

    def test_again(self) -> None:
        """A second time nothing is made."""
        self.host.found()
        before = {path: path.read_bytes() for path in self.files.directory.iterdir()}
        self.said.clear()
        self.host.found()
        self.assertEqual(
            ({path: path.read_bytes() for path in self.files.directory.iterdir()}, self.said), (before, [])
        )

    def test_other_address(self) -> None:
        """A second attempt with another address goes on with the first one, and says so."""
        self.host.found()
        self.said.clear()
        evolve(self.host, address="10.0.0.9").found()
        self.assertEqual(len(self.said), 1)
        self.assertIn("goes on as a at 10.0.0.1, as in its certificates, and not at 10.0.0.9", self.said[0])

    def test_etcd_left(self) -> None:
        """An etcd that a former agent left running would be adopted in place of the member: it has to end first."""
        own = ProcessTable().identify(os.getpid())
        assert own is not None
        PidFile(self.files.etcd_process).write(own)
        error = self.assertRaises(BadInput, self.host.found)
        self.assertIn(f"an etcd of a former agent runs here as pid {os.getpid()}", str(error))
        self.assertFalse(self.files.directory.exists())
        PidFile(self.files.etcd_process).write(Record(own.pid, own.started + 1, own.boot))
        self.host.found()

    def test_interrupted(self) -> None:
        """An attempt that ended early goes on, with the keys that it made."""
        self.host.found()
        key, cluster = self.files.host_key.read_bytes(), self.files.cluster_key.read_bytes()
        self.files.host.unlink()
        self.files.agent_certificate.unlink()
        self.host.found()
        self.assertIsNotNone(self.files.part())
        self.assertEqual((self.files.host_key.read_bytes(), self.files.cluster_key.read_bytes()), (key, cluster))

    def test_alone(self) -> None:
        """While it makes files no other attempt does, whose keys and certificates would not match them."""
        held: list[bool] = []

        def look(line: str) -> None:
            descriptor = os.open(self.files.directory, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.append(True)
            finally:
                os.close(descriptor)

        evolve(self.host, say=look).found()
        self.assertEqual(held, [True] * 6)

    def test_private(self) -> None:
        """The directories are root's alone, whatever the umask says."""
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        self.host.found()
        modes = {path.stat().st_mode & 0o777 for path in (self.files.state, self.files.directory)}
        self.assertEqual(modes, {0o700})

    def test_joined(self) -> None:
        """A host that joined another cluster is refused in one line."""
        self.files.write(self.files.host, HostPart("b", "10.0.0.1").encode())
        self.assertIn("is b of a cluster already", str(self.assertRaises(InCluster, self.host.found)))

    def test_private_data(self) -> None:
        """The data of a private etcd are not lost."""
        data = self.files.state / "etcd" / "data"
        data.mkdir(parents=True)
        (data / "member").mkdir()
        self.assertIn("daprdockrcmd backup", str(self.assertRaises(BadInput, self.host.found)))
        self.assertEqual(self.said, [])
