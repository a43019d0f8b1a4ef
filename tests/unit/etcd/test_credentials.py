"""The files of etcd's certificates, and how an agent follows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.statedir import StateDir
from daprdockr.etcd.address import Access
from daprdockr.etcd.credentials import fingerprint
from daprdockr.model.errors import BadInput
from daprdockr.runtime.followed import INTERVAL
from daprdockr.wiring.composition import compose
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

    def test_agent(self) -> None:
        """Both stores of an agent take a new pair up, once, within seconds."""
        clock = Clock()
        state = StateDir(Path(self.mktemp()))
        chosen = settings("a", self.directory, etcd=self.access)
        world, renewed = real(chosen, state, clock), list[bool]()

        def renew() -> None:
            renewed.append(True)
            world.etcd.renew()

        outside = evolve(world, pools=memory_pools(), etcd=evolve(world.etcd, renew=renew))
        outside.pools.files.startService()
        stores: Any = [outside.etcd.store, outside.etcd.beats]
        taken: list[bytes] = []
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
