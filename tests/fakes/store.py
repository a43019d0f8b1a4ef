"""etcd in memory: revisions, leases, conditional commits, watches, and the ways in which it fails."""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from attrs import evolve

from daprdockr.etcd.conversions import OMITTED
from daprdockr.model.errors import EtcdForbidden, EtcdHistoryLost, EtcdReadOnly, EtcdRefused, EtcdUnavailable
from daprdockr.model.reading import MAX_DOCUMENT
from daprdockr.model.stored.entries import (
    NEVER,
    Absent,
    Batch,
    Change,
    Commit,
    Condition,
    Delete,
    Deleted,
    Entry,
    Fence,
    Lease,
    Listing,
    Operation,
    Prefixes,
    Put,
    Unchanged,
)

T = TypeVar("T")
C = TypeVar("C", Change, Entry)

MAX_MESSAGE = 16 * 1024 * 1024
"""As ``daprdockr.etcd.channel`` has it."""

MAX_OPERATIONS = 128
"""etcd's own limit (``--max-txn-ops``)."""

_DATA = ("cluster_id", "revision", "_oldest", "_base", "_entries", "_history", "_leases")


class MemoryWatch:
    """A watch of a ``MemoryStore``; its position moves through the store's history. Its first batch is empty."""

    def __init__(self, store: MemoryStore, prefixes: Prefixes, revision: int) -> None:
        self._store = store
        self._prefixes = prefixes
        self._next = revision
        self._cluster = self._life = 0
        self._closed = False

    def __iter__(self) -> Iterator[Batch]:
        with self._store.news:
            if self._closed:
                return
            self._store.check()
            self._store.since(self._prefixes, self._next)
            self._cluster, self._life = self._store.cluster_id, self._store.life
        yield Batch(self._cluster, self._next - 1, ())
        while (batch := self._wait()) is not None:
            yield batch

    def close(self) -> None:
        with self._store.news:
            self._closed = True
            self._store.news.notify_all()

    def _wait(self) -> Batch | None:
        """Block until there is something to tell; None when closed."""
        with self._store.news:
            while not self._closed:
                self._store.check()
                if self._cluster != self._store.cluster_id or self._life != self._store.life:
                    raise EtcdUnavailable("etcd ended the watch: it is opened again")
                batch = self._store.since(self._prefixes, self._next)
                if batch is not None:
                    self._next = batch.revision + 1
                    return batch
                self._store.news.wait()
        return None


class MemoryStore:
    """
    Implements ``daprdockr.model.seams.Store``. Time passes only in ``advance``.

    :ivar calls: the names of the methods called, in order; "trial" for a commit that can change nothing.
    :ivar largest: bytes of a value that fits in an answer to ``list``, or in a watch.
    :ivar loses_answers: while true a commit does what it should and its caller gets no answer.
    :ivar full: while true it takes only deletions, as with the alarm NOSPACE.
    :ivar forbidden: the prefixes of the keys that may not be written.
    :ivar life: how often it was restored; no watch outlives that.
    :ivar refusals: how many calls it has refused.
    """

    def __init__(self) -> None:
        self.news = threading.Condition(threading.RLock())
        self.cluster_id = 1
        self.life = 0
        self.calls: list[str] = []
        self.refusals = 0
        self.largest = MAX_MESSAGE
        self.loses_answers = False
        self.full = False
        self.forbidden: tuple[str, ...] = ()
        self._ids = itertools.count(7001)
        self._unavailable = False
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        self.revision = 1
        self._oldest = 0
        self._entries: dict[str, Entry] = {}
        self._base: dict[str, Entry] = {}
        self._history: list[tuple[int, tuple[Change, ...]]] = []
        self._leases: dict[int, tuple[int, float]] = {}

    # The methods of etcd.

    def get(self, key: str) -> Entry | None:
        return self._call("get", lambda: self._entries.get(key))

    def list(self, prefixes: Prefixes, revision: int = 0) -> Listing:
        return self._call("list", lambda: self._list(prefixes, revision))

    def put(self, key: str, value: bytes, lease: int = 0) -> int:
        return self._call("put", lambda: self._put(Put(key, value, lease)))

    def commit(self, conditions: Sequence[Condition], operations: Sequence[Operation]) -> Commit:
        name = "trial" if any(isinstance(c, Unchanged) and c.mod_revision == NEVER for c in conditions) else "commit"
        commit = self._call(name, lambda: self._commit(conditions, operations))
        if self.loses_answers:
            raise EtcdUnavailable("etcd did not answer at memory: check that it runs there")
        return commit

    def grant(self, ttl: int) -> Lease:
        return self._call("grant", lambda: self._grant(ttl))

    def keep_alive(self, lease: int) -> int:
        return self._call("keep_alive", lambda: self._renew(lease))

    def revoke(self, lease: int) -> None:
        self._call("revoke", lambda: self._end([lease]))

    def watch(self, prefixes: Prefixes, revision: int) -> MemoryWatch:
        return self._call("watch", lambda: MemoryWatch(self, prefixes, revision))

    def close(self) -> None:
        with self.news:
            self._closed = True
            self.news.notify_all()

    # The faults that a test causes.

    @property
    def unavailable(self) -> bool:
        """While true every call fails, and every watch breaks."""
        return self._unavailable

    @unavailable.setter
    def unavailable(self, value: bool) -> None:
        with self.news:
            self._unavailable = value
            self.news.notify_all()

    def advance(self, seconds: float) -> None:
        """Let time pass; each lease that ends takes its keys with it, in one revision."""
        with self.news:
            self._leases = {lease: (ttl, left - seconds) for lease, (ttl, left) in self._leases.items()}
            for lease in [lease for lease, (_, left) in self._leases.items() if left <= 0]:
                self._end([lease])

    def compact(self, revision: int) -> None:
        """Forget the history before ``revision``."""
        with self.news:
            for told, changes in self._history:
                if told < revision:
                    _replay(self._base, changes)
            self._oldest = revision
            self._history = [told for told in self._history if told[0] >= revision]
            self.news.notify_all()

    def snapshot(self) -> Mapping[str, Any]:
        """The content that ``etcdctl snapshot save`` keeps."""
        with self.news:
            return copy.deepcopy({name: getattr(self, name) for name in _DATA})

    def restore(self, snapshot: Mapping[str, Any], bump: int = 0) -> None:
        """
        Go on from a snapshot, as the same cluster; every watch breaks.

        :param bump: as ``--bump-revision --mark-compacted``: the revision is so much higher, and all before is gone.
        """
        with self.news:
            for name, value in copy.deepcopy(dict(snapshot)).items():
                setattr(self, name, value)
            self.life += 1
            self.revision += bump
            if bump:
                self.compact(self.revision)
            self.news.notify_all()

    def wipe(self) -> None:
        """Be another, empty cluster at the same endpoints."""
        with self.news:
            self.cluster_id += 1
            self._begin()
            self.news.notify_all()

    # Methods for watches, which hold the lock.

    def check(self) -> None:
        if self._closed or self._unavailable:
            raise EtcdUnavailable("etcd did not answer at memory: check that it runs there")

    def since(self, prefixes: Prefixes, revision: int) -> Batch | None:
        """The changes below ``prefixes`` in the first revision that has some, from ``revision`` on."""
        if revision < self._oldest:
            raise EtcdHistoryLost(f"etcd compacted revision {revision} away: list again")
        if revision > self.revision + 1:
            raise EtcdHistoryLost(f"etcd is at revision {self.revision}, before {revision}: list again")
        for told, changes in self._history:
            if told < revision:
                continue
            if below := tuple(change for change in changes if change.key.startswith(prefixes)):
                if any(isinstance(change, Entry) and len(change.value) > self.largest for change in below):
                    raise EtcdHistoryLost("a change in etcd is too large for a watch: list again")
                return Batch(self.cluster_id, told, tuple(map(self._shown, below)))
        return None

    # How it does it.

    def _call(self, name: str, action: Callable[[], T]) -> T:
        with self.news:
            self.calls.append(name)
            self.check()
            try:
                return action()
            except EtcdRefused:
                self.refusals += 1
                raise

    def _put(self, put: Put) -> int:
        self._permit([put])
        return self._apply([put])

    def _permit(self, operations: Sequence[Operation]) -> None:
        """Rights and room, which etcd checks before any condition."""
        for operation in operations:
            if operation.key.startswith(self.forbidden):
                raise EtcdForbidden("etcd refuses user a (permission denied): grant its role the rights")
        if self.full and any(isinstance(operation, Put) for operation in operations):
            raise EtcdReadOnly("etcd refuses all writes, for its database is as large as its quota (alarm NOSPACE)")

    def _list(self, prefixes: Prefixes, revision: int) -> Listing:
        places = (prefixes,) if isinstance(prefixes, str) else prefixes
        there = self._at(revision) if revision else self._entries
        below = [key for place in places for key in sorted(there) if key.startswith(place)]
        return Listing(self.cluster_id, revision or self.revision, tuple(self._shown(there[key]) for key in below))

    def _shown(self, entry: C) -> C:
        if isinstance(entry, Deleted):
            return entry
        fits = len(entry.value) <= min(self.largest, MAX_DOCUMENT)
        return entry if fits else evolve(entry, value=b"", omitted=OMITTED)

    def _at(self, revision: int) -> dict[str, Entry]:
        """The entries at a revision."""
        if not self._oldest <= revision <= self.revision:
            raise EtcdHistoryLost("etcd no longer has that revision (mvcc: required revision): list again")
        there = dict(self._base)
        for told, changes in self._history:
            if told <= revision:
                _replay(there, changes)
        return there

    def _commit(self, conditions: Sequence[Condition], operations: Sequence[Operation]) -> Commit:
        if max(len(conditions), len(operations)) > MAX_OPERATIONS:
            raise EtcdRefused("etcd refused: too many operations in txn request")
        self._permit(operations)
        held = all(map(self._holds, conditions))
        written = [operation.key for operation in operations if isinstance(operation, Put)]
        deleted = {operation.key for operation in operations if isinstance(operation, Delete)}
        if len(set(written)) < len(written) or deleted.intersection(written):
            raise EtcdRefused("etcd refused: duplicate key given in txn request")
        return Commit(held, self._apply(operations) if held else self.revision)

    def _holds(self, condition: Condition) -> bool:
        entry = self._entries.get(condition.key)
        match condition:
            case Absent():
                return entry is None
            case Fence(create_revision=created, lease=lease):
                return entry is not None and entry.create_revision == created and lease in (0, entry.lease)
            case Unchanged(mod_revision=modified):
                return modified == (entry.mod_revision if entry else 0)

    def _apply(self, operations: Sequence[Operation]) -> int:
        for operation in operations:
            if isinstance(operation, Put) and operation.lease and operation.lease not in self._leases:
                raise EtcdRefused("etcd refused: requested lease not found")
        revision = self.revision + 1
        changes = [change for operation in operations if (change := self._write(operation, revision))]
        if changes:
            self.revision = revision
            self._history.append((revision, tuple(changes)))
            self.news.notify_all()
        return self.revision

    def _write(self, operation: Operation, revision: int) -> Change | None:
        before = self._entries.get(operation.key)
        if isinstance(operation, Delete):
            return Deleted(operation.key, revision) if self._entries.pop(operation.key, None) else None
        fresh = Entry(operation.key, operation.value, revision, revision, operation.lease)
        entry = evolve(fresh, create_revision=before.create_revision) if before else fresh
        self._entries[operation.key] = entry
        return entry

    def _grant(self, ttl: int) -> Lease:
        if self.full:
            raise EtcdReadOnly("etcd refuses all writes, for its database is as large as its quota (alarm NOSPACE)")
        lease = Lease(next(self._ids), ttl)
        self._leases[lease.id] = (ttl, float(ttl))
        return lease

    def _renew(self, lease: int) -> int:
        if lease not in self._leases:
            return 0
        ttl, _ = self._leases[lease]
        self._leases[lease] = (ttl, float(ttl))
        return ttl

    def _end(self, leases: Sequence[int]) -> None:
        for lease in leases:
            self._leases.pop(lease, None)
            self._apply([Delete(key) for key, entry in sorted(self._entries.items()) if lease == entry.lease])


def _replay(there: dict[str, Entry], changes: Iterable[Change]) -> None:
    for change in changes:
        there.pop(change.key, None)
        if isinstance(change, Entry):
            there[change.key] = change
