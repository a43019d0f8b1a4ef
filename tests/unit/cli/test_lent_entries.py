"""Entries that end with the command line that wrote them, however it ends."""

from __future__ import annotations

import threading
from queue import Queue

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli import lent_entries
from daprdockr.cli.lent_entries import LIFE, lent
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.stored.entries import Lease
from tests.fakes.store import MemoryStore

PATIENCE = 20.0


class Etcd(MemoryStore):
    """It notes leases and renewals, and may be away."""

    def __init__(self) -> None:
        super().__init__()
        self.renewals: Queue[int] = Queue()
        self.lives: list[int] = []
        self.leases: list[int] = []
        self.is_away = False

    def grant(self, ttl: int) -> Lease:
        lease = super().grant(ttl)
        self.lives.append(ttl)
        self.leases.append(lease.id)
        return lease

    def keep_alive(self, lease: int) -> int:
        self.renewals.put(lease)
        if self.is_away:
            raise EtcdUnavailable("etcd is away")
        return super().keep_alive(lease)

    def revoke(self, lease: int) -> None:
        if self.is_away:
            raise EtcdUnavailable("etcd is away")
        super().revoke(lease)


class LentTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = Etcd()
        self.patch(lent_entries, "EVERY", 0.01)

    def wait_for_renewals(self) -> None:
        for _ in range(self.store.renewals.qsize() + 3):
            self.store.renewals.get(timeout=PATIENCE)

    def test_renewed(self) -> None:
        """They are there meanwhile, under a short lease that is renewed, and gone at the end."""
        threads = threading.enumerate()
        with lent(self.store, {"a": b"1", "b": b"2"}):
            self.wait_for_renewals()
            self.assertEqual([one.key for one in self.store.list("").entries], ["a", "b"])
            self.assertEqual(self.store.lives, [LIFE])
        self.assertEqual(self.store.list("").entries, ())
        self.assertEqual(threading.enumerate(), threads)

    def test_lost(self) -> None:
        """When the lease was lost all is written again."""
        with lent(self.store, {"a": b"1"}):
            MemoryStore.revoke(self.store, self.store.leases[0])
            self.wait_for_renewals()
            self.assertIsNotNone(self.store.get("a"))
        self.assertEqual(self.store.list("").entries, ())

    def test_away(self) -> None:
        """An etcd that is away ends nothing; at the end the short lease does."""
        with lent(self.store, {"a": b"1"}):
            self.store.is_away = True
            self.wait_for_renewals()
        entry = self.store.get("a")
        assert entry is not None
        self.assertEqual((entry.lease, self.store.lives), (self.store.leases[0], [LIFE]))

    def test_refused(self) -> None:
        """An etcd that does not take them is an error."""

        def put(key: str, value: bytes, lease: int = 0) -> int:
            raise EtcdUnavailable("etcd is away")

        self.patch(self.store, "put", put)
        with self.assertRaises(EtcdUnavailable), lent(self.store, {"a": b"1"}):
            pass
        self.assertTrue(self.store.renewals.empty())
