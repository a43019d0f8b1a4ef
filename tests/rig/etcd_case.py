"""A test with members of etcd of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.address import Access
from daprdockr.etcd.failover import Failover
from daprdockr.etcd.follow import Follower, Pacing
from daprdockr.etcd.store import EtcdStore
from daprdockr.model.backoff import Backoff
from daprdockr.model.errors import EtcdError, EtcdUnavailable
from daprdockr.model.stored.entries import Batch, Listing
from tests.fakes.listener import MemoryListener
from tests.rig.docker_engine import until
from tests.rig.etcd_members import EtcdMembers, missing


class FaultCase(SynchronousTestCase):
    """Members of the test's own, and what speaks to them."""

    skip = missing()

    def start(self, count: int = 3, **settings: Any) -> EtcdMembers:
        members = EtcdMembers(count, **settings).__enter__()
        self.addCleanup(members.close)
        return members

    def connect(self, access: Access, timeout: float = 3.0, failover: Failover | None = None) -> EtcdStore:
        store = EtcdStore(access, timeout, failover=failover)
        self.addCleanup(store.close)
        return store

    def follow(self, store: EtcdStore, **pace: Any) -> MemoryListener:
        listener = MemoryListener()
        follower = Follower(
            store=store, prefixes="/p/", listener=listener, pacing=Pacing(backoff=Backoff(first=0.1, limit=0.5), **pace)
        )
        follower.start()
        self.addCleanup(follower.stop)
        self.assertIsInstance(listener.next(), Listing)
        return listener

    def until_told(self, listener: MemoryListener, key: str) -> list[EtcdError]:
        """Wait for a change, or an entry of a list, of this key; returns what was lost before."""
        lost: list[EtcdError] = []
        while True:
            told = listener.next()
            if isinstance(told, EtcdError):
                lost.append(told)
            elif key in [found.key for found in (told.changes if isinstance(told, Batch) else told.entries)]:
                return lost

    def repeat(self, call: Callable[[], Any]) -> Any:
        """Call until etcd answers."""
        answers: list[Any] = []

        def answered() -> bool:
            try:
                answers.append(call())
            except EtcdUnavailable:
                return False
            return True

        until(answered)
        return answers[0]
