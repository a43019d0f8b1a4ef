"""The files of etcd's certificates, and how an agent follows them."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.statedir import StateDir
from daprdockr.etcd.address import Access
from daprdockr.etcd.credentials import fingerprint
from daprdockr.model.errors import BadInput
from daprdockr.runtime.followed import INTERVAL
from daprdockr.wiring.foundation import Foundation
from tests.fakes.agents import MemoryWorkers, settings
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
        parts = Foundation(settings=settings("a", self.directory, etcd=self.access), state=state, reactor=clock)
        parts.file_threads = MemoryWorkers("files")
        parts.file_threads.startService()
        stores = [parts.store, parts.beat_store]
        taken: list[bytes] = []
        (files,) = parts.followed
        files.subscribe(taken.append)
        files.startService()
        clock.advance(INTERVAL)
        self.authority.issue("client")
        clock.advance(INTERVAL)
        clock.advance(INTERVAL)
        self.assertEqual((len(stores), len(taken)), (2, 1))
        for store in stores:
            store.close()
