"""The files of certificates and password for etcd, and how an agent follows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.statedir import StateDir
from daprdockr.etcd.address import Access
from daprdockr.etcd.credentials import CertificateFiles, fingerprint, read_password
from daprdockr.etcd.store import EtcdStore
from daprdockr.model.errors import BadInput, EtcdRefused
from daprdockr.runtime.followed import INTERVAL
from daprdockr.wiring.composition import compose
from daprdockr.wiring.outside import Connections
from daprdockr.wiring.real import real
from tests.build.settings import settings
from tests.fakes.agents import memory_pools
from tests.rig.certificates import Authority


class CredentialsTests(SynchronousTestCase):
    """``fingerprint``, and an agent's stores."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.authority = Authority(self.directory)
        self.authority.issue("client")
        ca, cert, key = self.authority.files("client")
        self.access = Access.parse("https://127.0.0.1:1", ca=ca, cert=cert, key=key)

    def test_changes(self) -> None:
        """It is another one when the files are."""
        before = fingerprint(self.access)
        self.assertEqual(fingerprint(self.access), before)
        self.authority.issue("client")
        self.assertNotEqual(fingerprint(self.access), before)

    def test_halfway(self) -> None:
        """A certificate without its key, as for a moment in a renewal, is no new pair; nor is garbage."""
        _, cert, key = self.authority.files("client")
        old = key.read_bytes()
        self.authority.issue("client")
        new, _ = key.read_bytes(), key.write_bytes(old)
        self.assertRaises(BadInput, fingerprint, self.access)
        key.write_bytes(new)
        fingerprint(self.access)
        cert.write_text("no certificate")
        self.assertRaises(BadInput, fingerprint, self.access)
        cert.unlink()
        self.assertRaises(OSError, fingerprint, self.access)

    def test_unreadable(self) -> None:
        """The first call says which file cannot be read, be it a read or a write."""
        store = EtcdStore(evolve(self.access, ca=Path("nowhere.pem")))
        self.addCleanup(store.close)
        for call in (lambda: store.revoke(1), lambda: store.grant(2), lambda: store.get("key")):
            with self.assertRaises(EtcdRefused) as caught:
                call()
            self.assertIn("nowhere.pem cannot be read", str(caught.exception))

    def test_last_ones_stay(self) -> None:
        """Connections that are made again use the former files while the new ones cannot be used."""
        files, (_, cert, key) = CertificateFiles(), self.authority.files("client")
        first = files.read(self.access)
        self.assertEqual(first[1:], (key.read_bytes(), cert.read_bytes()))
        cert.write_text("no certificate")
        self.assertEqual(files.read(self.access), first)
        cert.unlink()
        self.assertEqual(files.read(self.access), first)
        self.authority.issue("client")
        self.assertEqual(files.read(self.access)[2], cert.read_bytes())
        cert.write_text("no certificate")
        self.assertEqual(CertificateFiles().read(self.access)[2], b"no certificate")

    def test_agent(self) -> None:
        """Both stores of an agent take a new pair up, once, within seconds."""
        clock = Clock()
        state = StateDir(Path(self.mktemp()))
        chosen = settings("a", self.directory, etcd=self.access)
        world, renewed = real(chosen, state, clock), list[bool]()

        def renew() -> None:
            renewed.append(True)
            world.etcd.connections.renew()

        outside = evolve(world, pools=memory_pools(), etcd=evolve(world.etcd, connections=Connections(renew)))
        outside.pools.files.startService()
        stores: Any = [outside.etcd.store, outside.etcd.beats]
        taken: list[object] = []
        files = compose(chosen, state, outside).found.around.certificates
        assert files is not None
        files.subscribe(taken.append)
        files.startService()
        clock.advance(INTERVAL)
        self.authority.issue("client")
        clock.advance(INTERVAL)
        clock.advance(INTERVAL)
        self.assertEqual((len(stores), len(taken)), (2, 1))
        self.assertEqual(renewed, [True])
        for store in stores:
            store.close()


class PasswordTests(SynchronousTestCase):
    """``read_password``, and an agent's stores."""

    def setUp(self) -> None:
        self.file = Path(self.mktemp())
        self.file.write_text("old\n")
        self.access = Access.parse("http://127.0.0.1:1", user="agent", password="old", password_file=self.file)

    def test_unusable(self) -> None:
        """A file without a password is refused in one line that names it."""
        for content in (b"", b"\n", b"\xff\n"):
            self.file.write_bytes(content)
            self.assertIn(str(self.file), str(self.assertRaises(BadInput, read_password, self.file)))
        self.file.unlink()
        self.assertRaises(OSError, read_password, self.file)

    def test_agent(self) -> None:
        """Both stores of an agent sign in with another password within seconds, and keep the last usable one."""
        clock = Clock()
        state = StateDir(Path(self.mktemp()))
        chosen = settings("a", Path(self.mktemp()), etcd=self.access)
        outside = evolve(real(chosen, state, clock), pools=memory_pools())
        outside.pools.files.startService()
        stores: Any = [outside.etcd.store, outside.etcd.beats]
        password = compose(chosen, state, outside).found.around.password
        assert password is not None
        password.startService()
        used = []
        for content in ("new\nmore\n", "", "newer"):
            self.file.write_text(content)
            clock.advance(INTERVAL)
            used.append([store._session.access.password for store in stores])
        self.assertEqual(used, [["new", "new"], ["new", "new"], ["newer", "newer"]])
        for store in stores:
            store.close()
