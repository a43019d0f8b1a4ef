"""``EtcdStore`` keeps the contract of stores, on three real members."""

from __future__ import annotations

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
