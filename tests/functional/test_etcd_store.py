"""``EtcdStore`` keeps the contract of stores, on three real members."""

from __future__ import annotations

import sys
import threading
import uuid

from daprdockr.etcd.store import EtcdStore
from daprdockr.model.seams import Store
from tests.contracts import store as contract
from tests.rig.docker_engine import until
from tests.rig.etcd_members import missing, shared


class EtcdStoreContractTests(contract.StoreContract):
    """One cluster for all tests, since each has a prefix of its own."""

    skip = missing()

    def setUp(self) -> None:
        self.members = shared()
        self.prefix = f"/{uuid.uuid4()}/"
        self.store = self.another_store()
        self.addCleanup(self.store.close)
        super().setUp()

    def another_store(self) -> Store:
        return EtcdStore(self.members.access)

    def narrow_store(self) -> Store:
        return EtcdStore(self.members.access, largest=contract.NARROW)

    def let_expire(self, lease: int, key: str) -> None:
        until(lambda: self.store.get(key) is None)

    def compact(self, revision: int) -> None:
        self.members.compact(revision)

    def test_no_thread_is_left(self) -> None:
        """Watches that were closed or broke leave no thread behind."""
        before = threading.active_count()
        for _ in range(5):
            watch = self.store.watch(self.prefix, self.store.put(self.key("a"), b""))
            self.assertEqual(len(contract.changes(contract.take(watch, 1))), 1)
        until(lambda: threading.active_count() <= before)

    def test_beat(self) -> None:
        """A beat starts no thread."""
        lease = self.store.grant(60).id
        started: list[str] = []

        def note(*event: object) -> None:
            started.append(threading.current_thread().name)
            sys.setprofile(None)

        self.addCleanup(threading.setprofile, threading.getprofile())
        threading.setprofile(note)
        self.assertEqual(self.store.keep_alive(lease), 60)
        self.assertEqual(started, [])
