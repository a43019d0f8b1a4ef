"""Tests for daprdockr.etcd.follow, with etcd in memory."""

from __future__ import annotations

import queue
import threading
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.follow import Follower, Pacing
from daprdockr.model.backoff import Backoff
from daprdockr.model.errors import EtcdHistoryLost, EtcdUnavailable
from daprdockr.model.stored.entries import Batch, Delete, Deleted, Listing, Prefixes, Put
from tests.fakes.listener import PATIENCE, MemoryListener, MemoryPause
from tests.fakes.store import MemoryStore, MemoryWatch


class SlowStore(MemoryStore):
    """Each list waits until the test lets it go on, and has then taken 100 seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.go_on = threading.Semaphore(0)

    def list(self, prefixes: Prefixes, revision: int = 0) -> Listing:
        self.go_on.acquire(timeout=PATIENCE)
        self.clock.advance(100.0)
        return super().list(prefixes, revision)


class UnwatchedStore(MemoryStore):
    """Raises ``fault`` instead of opening a watch."""

    fault: Exception | None = None

    def watch(self, prefixes: Prefixes, revision: int) -> MemoryWatch:
        if self.fault is not None:
            raise self.fault
        return super().watch(prefixes, revision)


class Pauses:
    """Takes the place of ``threading.Event.wait``: ``asked`` has the seconds of each pause, ``go_on`` ends one."""

    def __init__(self) -> None:
        self.asked: queue.SimpleQueue[float] = queue.SimpleQueue()
        self.go_on = threading.Semaphore(0)

    def __call__(self, stopping: threading.Event, seconds: float) -> bool:
        self.asked.put(seconds)
        while not self.go_on.acquire(timeout=0.01):
            if stopping.is_set():
                return True
        return stopping.is_set()


class SlowListTests(SynchronousTestCase):
    """A list that takes longer than there should be between two."""

    def test_slow_list(self) -> None:
        """It is followed by the watch, though another fell due meanwhile, and by a pause ten times as long."""
        store, listener, pauses = SlowStore(), MemoryListener(), Pauses()
        follower = Follower(
            store=store,
            prefixes="/p/",
            listener=listener,
            pacing=Pacing(relist=60.0, pause=pauses, clock=store.clock.seconds),
        )
        follower.start()
        self.addCleanup(follower.stop)
        self.assertEqual(pauses.asked.get(timeout=PATIENCE), 60.0)
        pauses.go_on.release()
        self.assertEqual(pauses.asked.get(timeout=PATIENCE), 60.0)
        store.go_on.release()
        self.assertIsInstance(listener.next(), Listing)
        store.put("/p/a", b"")
        self.assertEqual([change.key for change in listener.next().changes], ["/p/a"])
        pauses.go_on.release()
        self.assertEqual(pauses.asked.get(timeout=PATIENCE), 1000.0)
        store.go_on.release()
        self.assertEqual([entry.key for entry in listener.next().entries], ["/p/a"])


class FollowerTests(SynchronousTestCase):
    """``Follower``."""

    def setUp(self) -> None:
        self.store = UnwatchedStore()
        self.listener = MemoryListener()
        self.pause = MemoryPause(60.0)
        self.follower = Follower(
            store=self.store,
            prefixes="/p/",
            listener=self.listener,
            pacing=Pacing(relist=60.0, backoff=Backoff(first=1.0, limit=4.0), chance=lambda: 0.0, pause=self.pause),
        )

    def follow(self) -> Listing:
        """Start, and return the first list."""
        self.follower.start()
        self.addCleanup(self.follower.stop)
        listing = self.listener.next()
        assert isinstance(listing, Listing)
        return listing

    def told(self, *keys: str) -> None:
        """The next batches contain changes of exactly these keys."""
        found: list[str] = []
        while len(found) < len(keys):
            batch = self.listener.next()
            self.assertIsInstance(batch, Batch)
            found += [change.key for change in batch.changes]
        self.assertEqual(found, list(keys))

    def lost(self, kind: type[Exception]) -> Any:
        error = self.listener.next()
        self.assertIsInstance(error, kind)
        return error

    def test_list_then_changes(self) -> None:
        """The present keys are listed, then each change is reported, those from before the watch opened too."""
        self.store.put("/p/a", b"1")
        listing = self.follow()
        self.assertEqual([entry.key for entry in listing.entries], ["/p/a"])
        self.store.put("/p/b", b"2")
        self.store.commit([], [Delete("/p/a"), Put("/p/c", b"3")])
        self.store.put("/q", b"")
        self.store.put("/p/d", b"4")
        self.told("/p/b", "/p/a", "/p/c", "/p/d")

    def test_one_thread(self) -> None:
        """All reports come from one thread, which ends with ``stop``; nothing is reported afterwards."""
        self.follow()
        self.store.put("/p/a", b"")
        self.told("/p/a")
        self.pause.end_relist()
        self.listener.next()
        self.follower.stop()
        self.assertEqual(len(self.listener.threads), 1)
        self.store.put("/p/b", b"")
        self.assertTrue(self.listener.told.empty())

    def test_interrupted(self) -> None:
        """After an interruption the watch resumes, says so, and nothing is missed; no list is needed."""
        self.follow()
        self.store.put("/p/a", b"")
        self.told("/p/a")
        self.store.unavailable = True
        self.lost(EtcdUnavailable)
        self.store.unavailable = False
        self.store.put("/p/b", b"")
        self.pause.end_backoff()
        self.assertEqual(self.listener.next().changes, ())
        self.told("/p/b")
        self.assertEqual(self.store.calls.count("list"), 1)

    def test_delays_grow_and_are_forgotten(self) -> None:
        """Each failure waits longer, up to the limit; contact starts the delays over."""
        self.store.unavailable = True
        self.follower.start()
        self.addCleanup(self.follower.stop)
        delays = []
        for _ in range(4):
            self.lost(EtcdUnavailable)
            delays.append(self.pause.end_backoff())
        self.lost(EtcdUnavailable)
        self.assertEqual(delays, [1.0, 2.0, 4.0, 4.0])
        self.store.unavailable = False
        self.pause.end_backoff()
        self.assertIsInstance(self.listener.next(), Listing)
        self.store.unavailable = True
        self.lost(EtcdUnavailable)
        self.assertEqual(self.pause.end_backoff(), 1.0)

    def test_lists_in_vain(self) -> None:
        """While no watch can be opened, as without a thread, the lists become more seldom, and one line says why."""
        self.store.fault = RuntimeError("can't start new thread")
        self.follow()
        delays = [self.pause.end_backoff()]
        for _ in range(3):
            while not isinstance(self.listener.next(), Listing):
                pass
            delays.append(self.pause.end_backoff())
        self.assertEqual(delays, [1.0, 2.0, 4.0, 4.0])
        self.follower.stop()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_compacted(self) -> None:
        """When etcd compacted what was missed, a list takes its place."""
        self.store.put("/p/a", b"")
        self.follow()
        self.store.unavailable = True
        self.lost(EtcdUnavailable)
        self.store.unavailable = False
        self.store.commit([], [Delete("/p/a")])
        self.store.compact(self.store.put("/p/b", b""))
        self.pause.end_backoff()
        self.lost(EtcdHistoryLost)
        self.pause.end_backoff()
        listing = self.listener.next()
        self.assertEqual([entry.key for entry in listing.entries], ["/p/b"])
        self.store.put("/p/c", b"")
        self.told("/p/c")

    def test_wiped(self) -> None:
        """A cluster set up anew is noticed at once, and handed over as it is."""
        self.store.put("/p/b", b"")
        before = self.follow()
        self.store.put("/p/a", b"")
        self.told("/p/a")
        self.store.wipe()
        self.lost(EtcdUnavailable)
        self.pause.end_backoff()
        self.lost(EtcdHistoryLost)
        self.pause.end_backoff()
        after = self.listener.next()
        self.assertNotEqual(after.cluster_id, before.cluster_id)
        self.assertLess(after.revision, before.revision)
        self.assertEqual(after.entries, ())

    def test_another_cluster_of_higher_revision(self) -> None:
        """Another cluster is noticed by its id even if its history is longer than ours."""
        before = self.follow()
        self.store.put("/p/a", b"")
        self.told("/p/a")
        self.store.wipe()
        for _ in range(9):
            self.store.put("/p/b", b"")
        self.lost(EtcdUnavailable)
        self.pause.end_backoff()
        self.lost(EtcdHistoryLost)
        self.pause.end_backoff()
        after = self.listener.next()
        self.assertNotEqual(after.cluster_id, before.cluster_id)
        self.assertEqual([entry.key for entry in after.entries], ["/p/b"])

    def test_relist(self) -> None:
        """When a list is due, it is reported without a loss, and the watch goes on from it."""
        self.follow()
        revision = self.store.put("/p/a", b"")
        self.told("/p/a")
        self.pause.end_relist()
        listing = self.listener.next()
        self.assertEqual((listing.revision, len(listing.entries)), (revision, 1))
        self.store.commit([], [Delete("/p/a")])
        self.assertEqual(self.listener.next().changes, (Deleted("/p/a", revision + 1),))

    def test_relist_while_etcd_is_away(self) -> None:
        """A list that is due while etcd does not answer comes when it does."""
        self.follow()
        self.store.unavailable = True
        self.lost(EtcdUnavailable)
        self.pause.end_relist()
        self.store.unavailable = False
        self.store.put("/p/a", b"")
        self.pause.end_backoff()
        found: list[Any] = [self.listener.next()]
        while not isinstance(found[-1], Listing):
            found.append(self.listener.next())
        self.assertEqual([entry.key for entry in found[-1].entries], ["/p/a"])

    def test_fault_of_the_listener(self) -> None:
        """The fault of a listener is logged, and everything is reported to it again; the follower lives on."""
        self.follow()
        self.listener.fault = ValueError("not well")
        self.store.put("/p/a", b"")
        self.told("/p/a")
        self.pause.end_backoff()
        self.assertEqual([entry.key for entry in self.listener.next().entries], ["/p/a"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_stopped_while_etcd_is_away(self) -> None:
        """A stop does not wait for a backoff to pass."""
        self.store.unavailable = True
        self.follower.start()
        self.lost(EtcdUnavailable)
        self.follower.stop()
        self.assertTrue(self.listener.told.empty())
