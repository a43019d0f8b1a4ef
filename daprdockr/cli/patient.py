"""
A store for the command line, which runs once and should outlast an election.

While the members of etcd elect a leader, for a second or two, they are reachable and answer nothing. Every repeatable
call is then retried, for as long as a person would wait. If no member is reachable, there is no retry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from attrs import frozen

from daprdockr.cli.slow_calls import SlowCalls
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.seams import Store, Watch
from daprdockr.model.stored.entries import Commit, Condition, Entry, Lease, Listing, Operation, Prefixes

T = TypeVar("T")

TIMEOUT = 10.0
"""Seconds after which a call is not retried."""

PAUSE = 0.2
"""Seconds between two attempts: a member without a leader answers so at once."""


@frozen
class PatientStore:
    """
    :ivar clock: monotonic seconds.
    :ivar pause: blocks for so many seconds.
    :ivar slow_calls: says that etcd is waited for.
    """

    store: Store
    clock: Callable[[], float]
    pause: Callable[[float], None]
    slow_calls: SlowCalls

    def get(self, key: str) -> Entry | None:
        return self._patiently(lambda: self.store.get(key))

    def list(self, prefixes: Prefixes, revision: int = 0) -> Listing:
        return self._patiently(lambda: self.store.list(prefixes, revision))

    def put(self, key: str, value: bytes, lease: int = 0) -> int:
        return self._patiently(lambda: self.store.put(key, value, lease))

    def commit(self, conditions: Sequence[Condition], operations: Sequence[Operation]) -> Commit:
        """
        Commit. A commit with conditions is not repeated: it may have happened, and then they do not hold any more.
        """
        if conditions:
            return self._once(lambda: self.store.commit(conditions, operations))
        return self._patiently(lambda: self.store.commit(conditions, operations))

    def grant(self, ttl: int) -> Lease:
        return self._once(lambda: self.store.grant(ttl))

    def keep_alive(self, lease: int) -> int:
        return self._once(lambda: self.store.keep_alive(lease))

    def revoke(self, lease: int) -> None:
        self._once(lambda: self.store.revoke(lease))

    def watch(self, prefixes: Prefixes, revision: int) -> Watch:
        return self.store.watch(prefixes, revision)

    def close(self) -> None:
        self.store.close()

    def _once(self, call: Callable[[], T]) -> T:
        with self.slow_calls.shown():
            return call()

    def _patiently(self, call: Callable[[], T]) -> T:
        return self._once(lambda: self._repeated(call))

    def _repeated(self, call: Callable[[], T]) -> T:
        deadline = self.clock() + TIMEOUT
        while True:
            try:
                return call()
            except EtcdUnavailable as error:
                if not error.sent or self.clock() >= deadline:
                    raise
            self.pause(PAUSE)
