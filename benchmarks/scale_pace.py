"""
Slower time for agents that share one process: for them a second takes ``pace`` seconds of the real clock.

Note [Slower time]
    A hundred agents in one process have the processor time of one, and each does what an agent does on a host of its
    own. Then nothing is measured but how short of processor time they are: leases end because beats come late, and
    an agent that waits a second for another's claim waits in vain. When every clock of an agent (timers, leases,
    time limits) goes slower by one factor, each agent has its share of a processor, as if that factor were as many
    more processors. etcd and the kernel keep to real time; they are faster by that factor than they should be.

Note [Idle agents keep to real time]
    A hundred agents are short of nothing while nothing happens, and a minute is a minute then; more of them go slower
    by as much as they are more. Leases granted before stay as long as they are, and beats come as often as they should:
    more often than such a lease needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakSet

from daprdockr.model.seams import Store, Watch
from daprdockr.model.stored.entries import Commit, Condition, Entry, Lease, Listing, Operation, Prefixes


class PacedReactor:
    """The reactor as the agents see it: times in their seconds, all else as it is. ``pace`` may change."""

    def __init__(self, reactor: Any, pace: float) -> None:
        self._reactor = reactor
        self._pace = pace
        self._changed_at, self._base = 0.0, 0.0
        self._timers: WeakSet[Any] = WeakSet()

    @property
    def pace(self) -> float:
        return self._pace

    @pace.setter
    def pace(self, pace: float) -> None:
        """From now on, also for the timers that wait already."""
        now = float(self._reactor.seconds())
        for timer in [timer for timer in self._timers if timer.active()]:
            timer.reset(max(0.0, timer.getTime() - now) * pace / self._pace)
        self._base, self._changed_at = self.seconds(), now
        self._pace = pace

    def seconds(self) -> float:
        return self._base + (float(self._reactor.seconds()) - self._changed_at) / self._pace

    def callLater(self, delay: float, call: Callable[..., object], *args: Any, **kwargs: Any) -> Any:  # noqa: N802
        timer = self._reactor.callLater(delay * self._pace, call, *args, **kwargs)
        self._timers.add(timer)
        return timer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


class PacedStore:
    """A ``Store`` whose leases live for seconds of the agents, at the pace that it was made with."""

    def __init__(self, store: Store, pace: float) -> None:
        self._store = store
        self._pace = pace

    def grant(self, ttl: int) -> Lease:
        lease = self._store.grant(round(ttl * self._pace))
        return Lease(id=lease.id, ttl=int(lease.ttl / self._pace))

    def keep_alive(self, lease: int) -> int:
        return int(self._store.keep_alive(lease) / self._pace)

    def get(self, key: str) -> Entry | None:
        return self._store.get(key)

    def list(self, prefixes: Prefixes, revision: int = 0) -> Listing:
        return self._store.list(prefixes, revision)

    def put(self, key: str, value: bytes, lease: int = 0) -> int:
        return self._store.put(key, value, lease)

    def commit(self, conditions: Sequence[Condition], operations: Sequence[Operation]) -> Commit:
        return self._store.commit(conditions, operations)

    def revoke(self, lease: int) -> None:
        self._store.revoke(lease)

    def watch(self, prefixes: Prefixes, revision: int) -> Watch:
        return self._store.watch(prefixes, revision)

    def close(self) -> None:
        self._store.close()
