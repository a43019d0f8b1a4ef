"""A cluster that is nothing but keys in etcd: nodes, services, and claims that say that all is well."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from daprdockr.etcd.store import EtcdStore
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.wanted.definition import Definition
from tests.build.command_line import RUNNING

NODES = 20


def fill(store: EtcdStore, keys: Keys, wanted: Iterable[Definition]) -> None:
    """Write ``NODES`` nodes, and services whose instances are spread over them."""
    lease = store.grant(86_400).id
    for number in range(NODES):
        store.put(keys.node(f"n{number}"), NodeRecord(addresses=(f"192.0.2.{number + 1}",)).encode(), lease)
    for number, definition in enumerate(wanted):
        store.put(keys.service(definition.name), definition.encode())
        for place in range(1, definition.instances + 1):
            record = evolve(RUNNING, node=f"n{(number + place) % NODES}", definition=definition.digest)
            store.put(keys.claim(InstanceName(definition.name, place)), record.encode(), lease)
