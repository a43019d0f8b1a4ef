"""Nodes and their claims in a real etcd, as agents would have written them: a cluster of any size without any host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from daprdockr.etcd.store import EtcdStore
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Put
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.wanted.definition import Definition

LABEL = {"seeded": "yes"}
ONLY_SEEDED = {"Constraints": ["seeded == yes"]}
"""The ``Placement`` of services that no real agent takes."""

TTL = 600
_PART = 100


class Seeded:
    """The nodes live until they are lost, or until their leases end."""

    def __init__(self, store: EtcdStore, keys: Keys) -> None:
        self.store = store
        self.keys = keys
        self._leases: dict[str, int] = {}

    def node(self, name: str) -> None:
        lease = self._leases[name] = self.store.grant(TTL).id
        number = len(self._leases)
        record = NodeRecord(addresses=(f"10.9.{number // 250}.{number % 250 + 1}",), labels=LABEL, version="0.1.0")
        self.store.put(self.keys.node(name), record.encode(), lease)

    def lose(self, name: str) -> None:
        """A node goes, with all of its claims, unless it is gone already."""
        lease = self._leases.pop(name, 0)
        if lease:
            self.store.revoke(lease)

    def define(self, *wanted: Definition) -> None:
        self._put(Put(self.keys.service(one.name), one.encode()) for one in wanted)

    def claim(
        self, wanted: Definition, numbers: Iterable[int], node: str, healthy: bool = True, **members: Any
    ) -> None:
        """A node claims instances, which run there."""
        state = State.RUNNING if healthy else State.UNHEALTHY
        record = ClaimRecord(
            node=node, state=state, healthy=healthy, definition=wanted.digest, started=1.7e9, **members
        )
        lease = self._leases[node]
        self._put(Put(self.keys.claim(InstanceName(wanted.name, number)), record.encode(), lease) for number in numbers)

    def _put(self, operations: Iterable[Put]) -> None:
        found = list(operations)
        for at in range(0, len(found), _PART):
            self.store.commit([], found[at : at + _PART])
