"""Tests of Note [The identity of an etcd] in ``daprdockr.model.known.history``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.known.changes import Changes
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.known.history import ForeignEtcd
from daprdockr.model.stored.entries import Batch, Deleted, Entry, Listing
from tests.build.values import KEYS

ID = 77


def identity(value: bytes, revision: int) -> Entry:
    return Entry(KEYS.identity, value, revision, revision)


class IdentityTests(SynchronousTestCase):
    """An etcd that lost its data is not believed, even where its cluster id is the same."""

    def setUp(self) -> None:
        self.cluster = Cluster(KEYS)
        self.cluster.replace(Listing(ID, 5, (identity(b"abc", 5), Entry(KEYS.node("a"), b"{}", 4, 4, 9))))

    def test_known(self) -> None:
        """It is what the first agent wrote."""
        self.assertEqual(self.cluster.identity, 0xABC)

    def test_unknown_yet(self) -> None:
        """A mirror that remembers none believes an etcd without one; one that comes is taken over and affects all."""
        cluster = Cluster(KEYS)
        cluster.replace(Listing(ID, 5, ()))
        self.assertEqual(cluster.identity, 0)
        self.assertEqual(cluster.apply(Batch(ID, 6, (identity(b"abc", 6),))), Changes(nodes=True))
        self.assertEqual(cluster.identity, 0xABC)

    def test_wiped(self) -> None:
        """Without it, or with another one, a listing is foreign, at whatever revision, and changes nothing."""
        for revision in (5, 6, 10_000):
            for entries in ((), (identity(b"def", 3),), (identity(b"no number", 3),)):
                with self.assertRaises(ForeignEtcd):
                    self.cluster.replace(Listing(ID, revision, entries))
        self.assertEqual((list(self.cluster.nodes), self.cluster.identity, self.cluster.revision), (["a"], 0xABC, 5))

    def test_deleted(self) -> None:
        """One that is seen to be deleted, in etcd's order, makes room for another."""
        self.cluster.apply(Batch(ID, 6, (Deleted(KEYS.identity, 6),)))
        self.assertEqual(self.cluster.identity, 0)
        self.cluster.replace(Listing(ID, 7, (identity(b"def", 7),)))
        self.assertEqual(self.cluster.identity, 0xDEF)

    def test_unreadable(self) -> None:
        """One that no agent wrote is reported as broken, and the one known before stands."""
        changes = self.cluster.apply(Batch(ID, 6, (identity(b"\xff", 6),)))
        self.assertEqual([broken.key for broken in changes.broken], [KEYS.identity])
        self.assertEqual(self.cluster.identity, 0xABC)
