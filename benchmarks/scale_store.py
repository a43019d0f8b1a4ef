"""
The requests of agents to etcd, counted at the seam: a ``Store`` around another one. Knows nothing of the one inside.

The table shows the kinds of requests; the kind of a transaction follows from its condition and from its key.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from daprdockr.etcd.pages import MOST_KEYS
from daprdockr.model.errors import EtcdError
from daprdockr.model.names import InstanceName
from daprdockr.model.seams import Store, Watch
from daprdockr.model.stored.entries import Absent, Commit, Condition, Entry, Lease, Listing, Operation, Prefixes, Put
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.mirrored_keys import SuccessorKey

T = TypeVar("T")

BEAT, GRANT, REVOKE, READ, WATCH = "beat", "grant", "revoke", "read", "watch"
TAKE, TELL, SUCCESSION, OTHER, PUT = "take", "tell", "succession", "other", "put"
LOST = " lost"
"""The suffix of the kind of a transaction whose condition did not hold."""
FAILED = " failed"
"""The suffix of the kind of a call that raised."""

TRANSACTIONS = (TAKE, TELL, SUCCESSION, OTHER)
WRITES = (*TRANSACTIONS, *(kind + LOST for kind in TRANSACTIONS), PUT, GRANT, REVOKE)
"""The requests with a place in etcd's log: a transaction that changes nothing has one, a beat and a read have none."""

METHODS: Mapping[str, tuple[str, ...]] = {
    "Txn": (*TRANSACTIONS, *(kind + LOST for kind in TRANSACTIONS)),
    "Put": (PUT,),
    "Range": (READ,),
    "LeaseGrant": (GRANT,),
    "LeaseKeepAlive": (BEAT,),
}
"""The kinds that etcd counts under one method."""


class Tally:
    """Requests by kind, counted from many threads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, kind: str, number: int = 1) -> None:
        with self._lock:
            self._counts[kind] += number

    def so_far(self) -> Counter[str]:
        with self._lock:
            return Counter(self._counts)


class CountingStore:
    """
    Implements ``daprdockr.model.seams.Store``.

    :ivar beaten: when the last beat that etcd answered was sent, in seconds of the monotonic clock.
    """

    def __init__(self, store: Store, keys: Keys, tally: Tally, clock: Callable[[], float] = time.monotonic) -> None:
        self.beaten = 0.0
        self._store = store
        self._keys = keys
        self._tally = tally
        self._clock = clock

    def get(self, key: str) -> Entry | None:
        return self._count(READ, lambda: self._store.get(key))

    def list(self, prefixes: Prefixes, revision: int = 0) -> Listing:
        """Counted by the pages that it takes at least."""
        listing = self._count(READ, lambda: self._store.list(prefixes, revision))
        self._tally.add(READ, max(0, len(listing.entries) - 1) // MOST_KEYS)
        return listing

    def put(self, key: str, value: bytes, lease: int = 0) -> int:
        return self._count(PUT, lambda: self._store.put(key, value, lease))

    def commit(self, conditions: Sequence[Condition], operations: Sequence[Operation]) -> Commit:
        kind = kind_of(self._keys, conditions, operations)
        commit = self._count(kind, lambda: self._store.commit(conditions, operations))
        if not commit.succeeded:
            self._tally.add(kind, -1)
            self._tally.add(kind + LOST)
        return commit

    def grant(self, ttl: int) -> Lease:
        sent = self._clock()
        lease = self._count(GRANT, lambda: self._store.grant(ttl))
        self.beaten = sent
        return lease

    def keep_alive(self, lease: int) -> int:
        sent = self._clock()
        ttl = self._count(BEAT, lambda: self._store.keep_alive(lease))
        if ttl > 0:
            self.beaten = sent
        return ttl

    def revoke(self, lease: int) -> None:
        self._count(REVOKE, lambda: self._store.revoke(lease))

    def watch(self, prefixes: Prefixes, revision: int) -> Watch:
        return self._count(WATCH, lambda: self._store.watch(prefixes, revision))

    def close(self) -> None:
        self._store.close()

    def _count(self, kind: str, call: Callable[[], T]) -> T:
        try:
            answer = call()
        except EtcdError:
            self._tally.add(kind + FAILED)
            raise
        self._tally.add(kind)
        return answer


def kind_of(keys: Keys, conditions: Sequence[Condition], operations: Sequence[Operation]) -> str:
    """TAKE: an instance's key is created. TELL: one is written, or deleted, by its owner."""
    named = {keys.read(operation.key) for operation in operations}
    if any(isinstance(name, SuccessorKey) for name in named):
        return SUCCESSION
    if not all(isinstance(name, InstanceName) for name in named):
        return OTHER
    creates = all(isinstance(c, Absent) for c in conditions) and all(isinstance(o, Put) for o in operations)
    return TAKE if creates else TELL
