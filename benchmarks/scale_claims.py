"""
The claims in etcd, as an observer beside the agents sees them: who has how many, how many are well.

It has a watch of its own, in a thread of its own, and stamps what arrives there; agents take no notice of it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from benchmarks.clock import BenchFailed
from daprdockr.model.errors import EtcdError
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.entries import Batch, Change, Entry, Listing
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.mirrored_keys import NodeKey
from daprdockr.model.stored.node import NodeRecord

Condition = Callable[["Claims"], bool]


class Claims:
    """
    Listener of a follower. ``held`` and ``well`` count claims, and the healthy ones, by node; ``nodes`` are those
    registered, ``ready`` those of them that take instances.
    """

    def __init__(self, keys: Keys, reactor: Any) -> None:
        self.held: Counter[str] = Counter()
        self.well: Counter[str] = Counter()
        self.nodes: set[str] = set()
        self.ready: set[str] = set()
        self.changed_at = 0.0
        self._keys = keys
        self._reactor = reactor
        self._records: dict[str, ClaimRecord] = {}
        self._awaited: tuple[Condition, Deferred[float]] | None = None

    def until(self, condition: Condition, what: str, patience: float) -> Deferred[float]:
        """
        When the condition came true, by the monotonic clock; one such wait at a time. In the reactor's thread.

        It fails with BenchFailed when that takes longer than ``patience`` seconds.
        """
        done: Deferred[float] = Deferred()
        self._awaited = condition, done
        self._reactor.callLater(0, self._look)

        def give_up(*_: object) -> float:
            self._awaited = None
            raise BenchFailed(f"{what}: not within {patience:g} s; {self}")

        return done.addTimeout(patience, self._reactor, give_up)

    def __str__(self) -> str:
        return f"{len(self.ready)} nodes ready, {self.held.total()} claims, {self.well.total()} healthy"

    def imbalance(self, nodes: frozenset[str]) -> int:
        """Between the node that has the most claims and the one that has the fewest, of these."""
        counts = [self.held[node] for node in nodes]
        return max(counts) - min(counts)

    # The methods that the follower calls, in its thread.

    def listed(self, listing: Listing) -> None:
        self._take(listing.entries)

    def changed(self, batch: Batch) -> None:
        self._take(batch.changes)

    def lost(self, error: EtcdError) -> None:
        """The follower goes on by itself."""

    def _take(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            name = self._keys.read(change.key)
            if isinstance(name, InstanceName):
                self._set(change)
            elif isinstance(name, NodeKey):
                self._set_node(name.node, change)
        self.changed_at = time.monotonic()
        self._look()

    def _set_node(self, node: str, change: Change) -> None:
        self.nodes.discard(node)
        self.ready.discard(node)
        if isinstance(change, Entry):
            self.nodes.add(node)
            if NodeRecord.decode(change.value).ready:
                self.ready.add(node)

    def _set(self, change: Change) -> None:
        before = self._records.pop(change.key, None)
        if before is not None:
            self.held[before.node] -= 1
            self.well[before.node] -= before.healthy
        if isinstance(change, Entry):
            record = self._records[change.key] = ClaimRecord.decode(change.value)
            self.held[record.node] += 1
            self.well[record.node] += record.healthy

    def _look(self) -> None:
        awaited = self._awaited
        if awaited is not None and awaited[0](self):
            self._awaited = None
            self._reactor.callFromThread(_fire, awaited[1], time.monotonic())


def _fire(done: Deferred[float], moment: float) -> None:
    if not done.called:
        done.callback(moment)
