"""The behaviour of every ``daprdockr.model.seams.Store``."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import EtcdHistoryLost, EtcdRefused, EtcdUnavailable
from daprdockr.model.reading import MAX_DOCUMENT
from daprdockr.model.seams import Store, Watch
from daprdockr.model.stored.entries import (
    Absent,
    Batch,
    Change,
    Delete,
    Deleted,
    Entry,
    Fence,
    Put,
    Unchanged,
)

NARROW = 1_000_000

PATIENCE = 20.0
"""Seconds after which a watch that brings nothing is closed, so that a broken one fails its test."""


def take(watch: Watch, count: int) -> list[Batch]:
    """Batches of a watch until they hold ``count`` changes, or its patience is over; the watch is closed then."""
    timer = threading.Timer(PATIENCE, watch.close)
    timer.start()
    batches: list[Batch] = []
    try:
        for batch in watch:
            batches.append(batch)
            if sum(len(taken.changes) for taken in batches) >= count:
                break
    finally:
        timer.cancel()
        watch.close()
    return batches


def changes(batches: Sequence[Batch]) -> list[Change]:
    return [change for batch in batches for change in batch.changes]


class StoreCase(SynchronousTestCase):
    """A store to test, and a prefix that is this test's own; the host class brings what etcd's clients cannot do."""

    store: Store
    prefix: str

    def another_store(self) -> Store:
        """A second client of the same etcd, to be closed by the test."""
        raise NotImplementedError

    def narrow_store(self) -> Store:
        """A client of the same etcd that takes answers of ``NARROW`` bytes, to be closed by the test."""
        raise NotImplementedError

    def let_expire(self, lease: int, key: str) -> None:
        """Return when the lease has ended for lack of renewal, and ``key`` with it."""
        raise NotImplementedError

    def compact(self, revision: int) -> None:
        raise NotImplementedError

    def key(self, name: str) -> str:
        return self.prefix + name

    def entry(self, name: str) -> Entry:
        """The entry of a key that must exist."""
        found = self.store.get(self.key(name))
        assert found is not None, f"{name} does not exist"
        return found


class ReadContract(StoreCase):
    """``get``, ``put`` and ``list``."""

    def test_get_absent(self) -> None:
        """A key that does not exist is None."""
        self.assertIsNone(self.store.get(self.key("a")))

    def test_put_then_get(self) -> None:
        """A value that was put is read, with the revision that the put returned."""
        revision = self.store.put(self.key("a"), b"\x00value")
        self.assertEqual(self.store.get(self.key("a")), Entry(self.key("a"), b"\x00value", revision, revision, 0))

    def test_put_again(self) -> None:
        """A second put changes the value and keeps the create revision."""
        first = self.store.put(self.key("a"), b"1")
        second = self.store.put(self.key("a"), b"2")
        self.assertEqual(self.entry("a"), Entry(self.key("a"), b"2", first, second, 0))
        self.assertGreater(second, first)

    def test_created_anew(self) -> None:
        """After a deletion the create revision is a new one."""
        first = self.store.put(self.key("a"), b"1")
        self.store.commit([], [Delete(self.key("a"))])
        second = self.store.put(self.key("a"), b"1")
        self.assertEqual(self.entry("a").create_revision, second)
        self.assertGreater(second, first)

    def test_list(self) -> None:
        """A list holds the keys below the prefix and no neighbours, in the order of the keys."""
        for name in ("b/2", "b/1", "a", "b", "b0"):
            self.store.put(self.key(name), name.encode())
        listing = self.store.list(self.key("b/"))
        self.assertEqual([entry.key for entry in listing.entries], [self.key("b/1"), self.key("b/2")])
        self.assertEqual(listing.entries[0], self.store.get(self.key("b/1")))

    def test_list_of_nothing(self) -> None:
        """An empty list still has cluster and revision."""
        revision = self.store.put(self.key("a"), b"")
        listing = self.store.list(self.key("b/"))
        self.assertEqual((listing.revision, listing.entries), (revision, ()))
        self.assertNotEqual(listing.cluster_id, 0)

    def test_long_list(self) -> None:
        """A list of many keys is complete and without repetition."""
        names = [self.key(f"many/{number:05}") for number in range(1201)]
        for start in range(0, len(names), 100):
            self.store.commit([], [Put(name, b"x") for name in names[start : start + 100]])
        self.assertEqual([entry.key for entry in self.store.list(self.key("many/")).entries], names)

    def test_list_of_several(self) -> None:
        """A list of several prefixes holds the keys of each, and no others, at one revision."""
        for name in ("b/1", "a/1", "a/2"):
            self.store.put(self.key(name), b"")
        revision = self.store.put(self.key("c/1"), b"")
        listing = self.store.list((self.key("a/"), self.key("d/"), self.key("c/")))
        self.assertEqual([entry.key for entry in listing.entries], [self.key(name) for name in ("a/1", "a/2", "c/1")])
        self.assertEqual(listing.revision, revision)

    def test_list_of_the_past(self) -> None:
        """A list at an earlier revision holds what stood there then."""
        first = self.store.put(self.key("b/1"), b"1")
        second = self.store.put(self.key("b/2"), b"2")
        self.store.commit([], [Delete(self.key("b/1")), Put(self.key("b/2"), b"3")])
        listing = self.store.list(self.key("b/"), second)
        self.assertEqual(listing.revision, second)
        self.assertEqual(
            listing.entries,
            (Entry(self.key("b/1"), b"1", first, first), Entry(self.key("b/2"), b"2", second, second)),
        )

    def test_list_of_what_was_compacted(self) -> None:
        """A list at a revision that etcd forgot, or that lies in the future, is a lost history."""
        first = self.store.put(self.key("a"), b"1")
        second = self.store.put(self.key("a"), b"2")
        self.compact(second)
        self.assertRaises(EtcdHistoryLost, self.store.list, self.prefix, first)
        self.assertRaises(EtcdHistoryLost, self.store.list, self.prefix, second + 1000)
        self.assertEqual([entry.value for entry in self.store.list(self.prefix, second).entries], [b"2"])

    def test_key_that_is_no_text(self) -> None:
        """A key that is not UTF-8 is listed, read and deleted like any other."""
        strange = self.key("\udcff\udcfe")
        self.store.put(strange, b"x")
        self.assertEqual([entry.key for entry in self.store.list(self.prefix).entries], [strange])
        self.store.commit([], [Delete(strange)])
        self.assertIsNone(self.store.get(strange))

    def test_closed(self) -> None:
        """After ``close`` a call fails as if etcd did not answer."""
        store = self.another_store()
        store.put(self.key("a"), b"")
        store.close()
        self.assertRaises(EtcdUnavailable, store.get, self.key("a"))


class CommitContract(StoreCase):
    """``commit``."""

    def test_absent(self) -> None:
        """A key is created only while it does not exist."""
        first = self.store.commit([Absent(self.key("a"))], [Put(self.key("a"), b"1")])
        second = self.store.commit([Absent(self.key("a"))], [Put(self.key("a"), b"2")])
        self.assertEqual((first.succeeded, second.succeeded), (True, False))
        entry = self.entry("a")
        self.assertEqual((entry.value, entry.create_revision), (b"1", first.revision))

    def test_fence(self) -> None:
        """A fence holds through writes, and not for a key created anew."""
        created = self.store.put(self.key("a"), b"1")
        fence = Fence(self.key("a"), created)
        self.assertTrue(self.store.commit([fence], [Put(self.key("a"), b"2")]).succeeded)
        self.assertTrue(self.store.commit([fence], [Delete(self.key("a"))]).succeeded)
        self.assertFalse(self.store.commit([fence], [Put(self.key("a"), b"3")]).succeeded)
        self.store.put(self.key("a"), b"4")
        self.assertFalse(self.store.commit([fence], [Put(self.key("a"), b"5")]).succeeded)

    def test_fence_with_lease(self) -> None:
        """A fence with a lease holds only while the key hangs on that one."""
        ours, other = self.store.grant(60).id, self.store.grant(60).id
        created = self.store.put(self.key("a"), b"1", ours)
        self.assertTrue(self.store.commit([Fence(self.key("a"), created, ours)], []).succeeded)
        self.assertFalse(self.store.commit([Fence(self.key("a"), created, other)], []).succeeded)

    def test_unchanged(self) -> None:
        """A key counts as unchanged at its last revision only; at 0 when it does not exist."""
        self.assertTrue(self.store.commit([Unchanged(self.key("a"), 0)], []).succeeded)
        first = self.store.put(self.key("a"), b"1")
        self.assertFalse(self.store.commit([Unchanged(self.key("a"), 0)], []).succeeded)
        second = self.store.put(self.key("a"), b"2")
        self.assertFalse(self.store.commit([Unchanged(self.key("a"), first)], []).succeeded)
        self.assertTrue(self.store.commit([Unchanged(self.key("a"), second)], []).succeeded)

    def test_all_or_nothing(self) -> None:
        """One condition that fails keeps all operations from happening."""
        self.store.put(self.key("b"), b"")
        commit = self.store.commit(
            [Absent(self.key("a")), Absent(self.key("b"))], [Put(self.key("a"), b""), Delete(self.key("b"))]
        )
        self.assertFalse(commit.succeeded)
        self.assertIsNone(self.store.get(self.key("a")))
        self.assertIsNotNone(self.store.get(self.key("b")))

    def test_one_revision(self) -> None:
        """All that one commit writes has its revision."""
        commit = self.store.commit([], [Put(self.key("a"), b""), Put(self.key("b"), b"")])
        revisions = {entry.mod_revision for entry in self.store.list(self.prefix).entries}
        self.assertEqual(revisions, {commit.revision})

    def test_nothing_done(self) -> None:
        """A commit that fails, or deletes nothing, returns the current revision."""
        revision = self.store.put(self.key("a"), b"")
        self.assertEqual(self.store.commit([Absent(self.key("a"))], [Delete(self.key("a"))]).revision, revision)
        self.assertEqual(self.store.commit([], [Delete(self.key("b"))]).revision, revision)

    def test_refused(self) -> None:
        """The same key twice, and more operations than etcd takes, are refused, and nothing is written."""
        twice = [Put(self.key("a"), b"1"), Put(self.key("a"), b"2")]
        self.assertRaises(EtcdRefused, self.store.commit, [], twice)
        both = [Put(self.key("a"), b"1"), Delete(self.key("a"))]
        self.assertRaises(EtcdRefused, self.store.commit, [], both)
        many = [Put(self.key(str(number)), b"") for number in range(129)]
        self.assertRaises(EtcdRefused, self.store.commit, [], many)
        self.assertEqual(self.store.list(self.prefix).entries, ())


class LeaseContract(StoreCase):
    """``grant``, ``keep_alive``, ``revoke`` and keys under a lease."""

    def test_grant(self) -> None:
        """A lease lives as long as was asked, and each has an id of its own."""
        first, second = self.store.grant(60), self.store.grant(60)
        self.assertEqual((first.ttl, second.ttl), (60, 60))
        self.assertNotEqual(first.id, second.id)

    def test_key_under_lease(self) -> None:
        """A key shows its lease; a put without one takes it off."""
        lease = self.store.grant(60).id
        self.store.put(self.key("a"), b"", lease)
        self.assertEqual(self.entry("a").lease, lease)
        self.store.put(self.key("a"), b"")
        self.store.revoke(lease)
        self.assertEqual(self.entry("a").lease, 0)

    def test_expiry(self) -> None:
        """A lease that nobody renews takes all its keys with it, in one revision."""
        lease = self.store.grant(2).id
        put = self.store.commit([], [Put(self.key("a"), b"", lease), Put(self.key("b"), b"", lease)])
        self.let_expire(lease, self.key("a"))
        told = changes(take(self.store.watch(self.prefix, put.revision + 1), 2))
        self.assertEqual({change.key for change in told}, {self.key("a"), self.key("b")})
        self.assertEqual(len({change.mod_revision for change in told}), 1)

    def test_keep_alive(self) -> None:
        """A renewal returns the seconds the lease lives now."""
        self.assertEqual(self.store.keep_alive(self.store.grant(60).id), 60)

    def test_keep_alive_of_no_lease(self) -> None:
        """The renewal of a lease that is gone, or never was, is 0."""
        lease = self.store.grant(60).id
        self.store.revoke(lease)
        self.assertEqual(self.store.keep_alive(lease), 0)
        self.assertEqual(self.store.keep_alive(12345), 0)

    def test_revoke(self) -> None:
        """A revoked lease takes its keys with it, and can be revoked again."""
        lease = self.store.grant(60).id
        self.store.put(self.key("a"), b"", lease)
        self.store.revoke(lease)
        self.assertIsNone(self.store.get(self.key("a")))
        self.store.revoke(lease)

    def test_put_under_no_lease(self) -> None:
        """A put under a lease that is gone is refused, and nothing is written."""
        self.assertRaises(EtcdRefused, self.store.put, self.key("a"), b"", 12345)
        self.assertIsNone(self.store.get(self.key("a")))

    def test_commit_under_no_lease(self) -> None:
        """So is a commit."""
        operations = [Put(self.key("a"), b""), Put(self.key("b"), b"", 12345)]
        self.assertRaises(EtcdRefused, self.store.commit, [], operations)
        self.assertEqual(self.store.list(self.prefix).entries, ())


class WatchContract(StoreCase):
    """``watch``."""

    def test_history(self) -> None:
        """A watch delivers all changes from its revision on, in order, as they were then."""
        first = self.store.put(self.key("a"), b"1")
        second = self.store.put(self.key("a"), b"2")
        third = self.store.commit([], [Delete(self.key("a"))]).revision
        told = changes(take(self.store.watch(self.prefix, second), 2))
        self.assertEqual(told, [Entry(self.key("a"), b"2", first, second, 0), Deleted(self.key("a"), third)])

    def test_present(self) -> None:
        """A watch from the next revision on delivers the changes after it was opened."""
        revision = self.store.put(self.key("a"), b"1")
        watch = self.store.watch(self.prefix, revision + 1)
        timer = threading.Timer(0.1, self.store.put, (self.key("b"), b"2"))
        timer.start()
        self.addCleanup(timer.join)
        self.assertEqual([change.key for change in changes(take(watch, 1))], [self.key("b")])

    def test_only_below_the_prefix(self) -> None:
        """Changes of other keys are not delivered."""
        revision = self.store.put(self.key("a"), b"")
        self.store.put(self.key("b/1"), b"")
        self.store.put(self.key("c"), b"")
        self.store.put(self.key("b/2"), b"")
        told = changes(take(self.store.watch(self.key("b/"), revision), 2))
        self.assertEqual([change.key for change in told], [self.key("b/1"), self.key("b/2")])

    def test_several_prefixes(self) -> None:
        """Changes below several prefixes are delivered in the order they were made, and none of their neighbours."""
        revision = self.store.put(self.key("a/1"), b"")
        self.store.put(self.key("b/1"), b"")
        self.store.put(self.key("c/1"), b"")
        self.store.put(self.key("a/2"), b"")
        told = changes(take(self.store.watch((self.key("a/"), self.key("c/")), revision), 3))
        self.assertEqual([change.key for change in told], [self.key(name) for name in ("a/1", "c/1", "a/2")])

    def test_commit_is_one_batch(self) -> None:
        """The changes of one commit come together, and the batch is as far as they are."""
        commit = self.store.commit([], [Put(self.key(str(number)), b"") for number in range(100)])
        _, batch = take(self.store.watch(self.prefix, commit.revision), 1)
        self.assertEqual((len(batch.changes), batch.revision), (100, commit.revision))
        self.assertEqual(batch.cluster_id, self.store.list(self.prefix).cluster_id)

    def test_long_history(self) -> None:
        """Each batch is as far as its last change and no farther, however much there is to catch up."""
        first = self.store.put(self.key("a"), b"0")
        for number in range(1, 1100):
            self.store.put(self.key("a"), b"%d" % number)
        batches = take(self.store.watch(self.prefix, first), 1100)
        self.assertEqual(len(changes(batches)), 1100)
        for batch in batches[1:]:
            self.assertEqual(batch.revision, batch.changes[-1].mod_revision)

    def test_open(self) -> None:
        """The first batch is empty: it says that the watch is open, in which cluster, and where it begins."""
        self.store.put(self.key("a"), b"")
        listing = self.store.list(self.prefix)
        watch = self.store.watch(self.prefix, listing.revision + 1)
        self.addCleanup(watch.close)
        self.assertEqual(next(iter(watch)), Batch(listing.cluster_id, listing.revision, ()))

    def test_future(self) -> None:
        """A revision that lies in the future is a lost history, not silence."""
        revision = self.store.put(self.key("a"), b"")
        self.assertRaises(EtcdHistoryLost, take, self.store.watch(self.prefix, revision + 1000), 1)

    def test_compacted(self) -> None:
        """A revision that was compacted away is a lost history."""
        first = self.store.put(self.key("a"), b"1")
        second = self.store.put(self.key("a"), b"2")
        self.compact(second)
        self.assertRaises(EtcdHistoryLost, take, self.store.watch(self.prefix, first), 1)

    def test_closed(self) -> None:
        """``close`` from another thread ends the iteration without an error."""
        revision = self.store.put(self.key("a"), b"")
        watch = self.store.watch(self.prefix, revision + 1)
        timer = threading.Timer(0.1, watch.close)
        timer.start()
        self.addCleanup(timer.join)
        self.assertEqual(changes(list(watch)), [])

    def test_closed_before(self) -> None:
        """A watch that was closed before it is iterated brings nothing."""
        watch = self.store.watch(self.prefix, self.store.put(self.key("a"), b""))
        watch.close()
        self.assertEqual(list(watch), [])

    def test_store_closed(self) -> None:
        """When the store is closed, the iteration fails as if etcd did not answer."""
        store = self.another_store()
        revision = store.put(self.key("a"), b"")
        watch = store.watch(self.prefix, revision + 1)
        timer = threading.Timer(0.1, store.close)
        timer.start()
        self.addCleanup(timer.join)
        self.assertRaises(EtcdUnavailable, take, watch, 1)

    def test_two_watches(self) -> None:
        """Each watch delivers all, whatever others are open."""
        revision = self.store.put(self.key("a"), b"")
        first, second = (self.store.watch(self.prefix, revision) for _ in range(2))
        self.assertEqual(changes(take(first, 1)), changes(take(second, 1)))


class SizeContract(StoreCase):
    """Contents that are larger than one answer may be."""

    def setUp(self) -> None:
        super().setUp()
        self.narrow = self.narrow_store()
        self.addCleanup(self.narrow.close)

    def test_more_than_an_answer(self) -> None:
        """A list that does not fit in one answer is complete."""
        values = {self.key(f"{number:02}"): b"%02d" % number * 50_000 for number in range(24)}
        for key, value in values.items():
            self.store.put(key, value)
        entries = self.narrow.list(self.prefix).entries
        self.assertEqual({entry.key: entry.value for entry in entries}, values)
        self.assertEqual({entry.omitted for entry in entries}, {""})

    def test_value_larger_than_an_answer(self) -> None:
        """A value that fits in no answer is listed without it, with the reason; those beside it are as they are."""
        for name in ("a", "c"):
            self.store.put(self.key(name), b"x")
        revision = self.store.put(self.key("b"), b"x" * (NARROW + 1))
        a, b, c = self.narrow.list(self.prefix).entries
        self.assertEqual((b.key, b.value, b.mod_revision), (self.key("b"), b"", revision))
        self.assertNotEqual(b.omitted, "")
        self.assertEqual([a, c], [self.entry("a"), self.entry("c")])

    def test_value_too_long_to_be_read(self) -> None:
        """A value longer than anything of ours is left out of lists and watches, and read if it is asked for."""
        revision = self.store.put(self.key("a"), b"x" * (MAX_DOCUMENT + 1))
        self.store.put(self.key("b"), b"x" * MAX_DOCUMENT)
        listed = self.store.list(self.prefix).entries
        self.assertEqual([(bool(e.omitted), len(e.value)) for e in listed], [(True, 0), (False, MAX_DOCUMENT)])
        self.assertEqual(changes(take(self.store.watch(self.prefix, revision), 2)), list(listed))
        self.assertEqual(len(self.entry("a").value), MAX_DOCUMENT + 1)

    def test_change_larger_than_an_answer(self) -> None:
        """A change that fits in no answer ends the watch: only a list shows it."""
        first = self.store.put(self.key("a"), b"x")
        self.store.put(self.key("b"), b"x" * (NARROW + 1))
        watch = self.narrow.watch(self.prefix, first)
        self.assertRaises(EtcdHistoryLost, take, watch, 2)


class StoreContract(ReadContract, CommitContract, LeaseContract, WatchContract, SizeContract):
    """All of it."""
