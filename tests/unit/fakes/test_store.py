"""Tests for tests.fakes.store: the contract, and the failures that only a fake can be made to have."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.seams import Store
from tests.contracts import store as contract
from tests.fakes.store import MemoryStore


class MemoryStoreContractTests(contract.StoreContract):
    """``MemoryStore`` keeps the contract of stores."""

    prefix = "/p/"

    def setUp(self) -> None:
        self.store = self.memory = MemoryStore()
        super().setUp()

    def another_store(self) -> Store:
        return self.memory

    def narrow_store(self) -> Store:
        self.memory.largest = contract.NARROW
        return self.memory

    def let_expire(self, lease: int, key: str) -> None:
        self.memory.advance(2.0)

    def compact(self, revision: int) -> None:
        self.memory.compact(revision)


class MemoryStoreTests(SynchronousTestCase):
    """The passing of time and the failures of a ``MemoryStore``."""

    def test_renewed_lease_stays(self) -> None:
        """A lease renewed in time outlives the time it was granted for."""
        store = MemoryStore()
        lease = store.grant(6).id
        store.advance(5.0)
        self.assertEqual(store.keep_alive(lease), 6)
        store.advance(5.0)
        self.assertEqual(store.keep_alive(lease), 6)
        store.advance(6.0)
        self.assertEqual(store.keep_alive(lease), 0)

    def test_unavailable(self) -> None:
        """While unavailable, calls fail and open watches break; what was stored is there afterwards."""
        store = MemoryStore()
        revision = store.put("/a", b"1")
        watch = store.watch("/", revision + 1)
        store.unavailable = True
        self.assertRaises(EtcdUnavailable, store.get, "/a")
        self.assertRaises(EtcdUnavailable, list, watch)
        store.unavailable = False
        self.assertIsNotNone(store.get("/a"))

    def test_wiped(self) -> None:
        """A wiped store is another cluster, empty, at its first revision; open watches break."""
        store = MemoryStore()
        store.put("/a", b"1")
        before = store.list("/")
        watch = iter(store.watch("/", before.revision + 1))
        next(watch)
        store.wipe()
        after = store.list("/")
        self.assertNotEqual(after.cluster_id, before.cluster_id)
        self.assertEqual((after.revision, after.entries), (1, ()))
        self.assertRaises(EtcdUnavailable, list, watch)
