"""Tests for daprdockr.model.known.pending: what is left of many changes, and that a mirror ends where it would have."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.known.cluster import Cluster
from daprdockr.model.known.pending import Pending
from daprdockr.model.stored.entries import Batch, Delete, Deleted, Entry, Listing, Put
from tests.build.history import batch, entry
from tests.build.mirrors import OPERATIONS, picture
from tests.build.values import KEYS
from tests.fakes.store import MemoryStore


def is_readable(operation: Put | Delete) -> bool:
    """Whether it leaves nothing that is broken, whose last readable form would depend on what was seen before."""
    cluster = Cluster(KEYS)
    value = b"" if isinstance(operation, Delete) else operation.value
    cluster.replace(Listing(1, 2, (Entry(operation.key, value, 2, 2),)))
    return isinstance(operation, Delete) or not cluster.broken


COMMITS = st.lists(OPERATIONS.filter(is_readable), min_size=1, max_size=2, unique_by=lambda o: o.key)


def pending(*batches: Batch) -> Pending:
    made = Pending(1)
    for one in batches:
        made.add(one)
    return made


class PendingTests(SynchronousTestCase):
    """``Pending``."""

    def test_newest(self) -> None:
        """Of each key the newest value is left, in the order in which those were written."""
        made = pending(batch(entry("a", 2), entry("b", 2)), batch(entry("a", 3)), batch(entry("c", 4)))
        self.assertEqual(made.batch, Batch(1, 4, (entry("b", 2), entry("a", 3), entry("c", 4))))

    def test_deletion(self) -> None:
        """A deletion takes the place of what it deleted, and stays before what is written after it."""
        made = pending(batch(entry("a", 2)), batch(Deleted("a", 3)))
        self.assertEqual(made.batch.changes, (Deleted("a", 3),))
        made.add(batch(entry("a", 4)))
        made.add(batch(entry("a", 5, created=4)))
        self.assertEqual(made.batch.changes, (Deleted("a", 3), entry("a", 5, created=4)))
        made.add(batch(Deleted("a", 6)))
        self.assertEqual(made.batch.changes, (Deleted("a", 6),))

    def test_told_again(self) -> None:
        """A batch that comes a second time neither takes the place of a newer change, nor undoes a deletion."""
        first, second = batch(entry("a", 2)), batch(Deleted("a", 3), entry("b", 3))
        self.assertEqual(pending(first, second, first).batch, pending(first, second).batch)
        self.assertEqual(pending(first, second, second).batch, pending(first, second).batch)

    def test_empty(self) -> None:
        """Batches without a change only say up to which revision all was reported."""
        self.assertEqual(pending(Batch(1, 5, ()), Batch(1, 7, ())).batch, Batch(1, 7, ()))

    def test_size(self) -> None:
        """A value that is written again and again takes no more room than its last form."""
        made = pending(*(batch(entry("a", revision, b"x" * 1000)) for revision in range(2, 1002)))
        self.assertEqual(made.size, pending(batch(entry("a", 2, b"x" * 1000))).size)
        made.add(batch(Deleted("a", 2000)))
        self.assertEqual(made.size, pending(batch(Deleted("a", 2))).size)

    @given(st.lists(COMMITS, max_size=30), st.data())
    def test_ends_the_same(self, commits: list[list[Put | Delete]], data: st.DataObject) -> None:
        """A mirror that takes over what is left shows what one shows that took over everything."""
        store = MemoryStore()
        one_by_one, at_once = Cluster(KEYS), Cluster(KEYS)
        for cluster in (one_by_one, at_once):
            cluster.replace(store.list(KEYS.mirrored))
        made = Pending(store.cluster_id)
        for commit in commits:
            store.commit([], commit)
            told = store.since(KEYS.mirrored, one_by_one.revision + 1)
            if told is None:
                continue
            one_by_one.apply(told)
            made.add(told)
            if data.draw(st.booleans()):
                at_once.apply(made.batch)
                made = Pending(store.cluster_id)
        at_once.apply(made.batch)
        self.assertEqual(set(at_once.entries), set(one_by_one.entries))
        self.assertEqual((at_once.revision, at_once.identity), (one_by_one.revision, one_by_one.identity))
        self.assertEqual(picture(at_once), picture(one_by_one))
