"""The content and the changes of etcd, as tests write them: entries, lists, batches of changes."""

from __future__ import annotations

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.entries import Batch, Change, Entry, Listing
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.wanted.definition import Definition
from tests.build.values import KEYS, named

CLUSTER = 1
"""The id of the etcd cluster that sends all this."""


def entry(key: str, revision: int, value: bytes = b"", created: int = 0, lease: int = 9) -> Entry:
    return Entry(key, value, created or revision, revision, lease)


def listing(revision: int, *entries: Entry, cluster: int = CLUSTER) -> Listing:
    return Listing(cluster, revision, entries)


def batch(*changes: Change) -> Batch:
    return Batch(CLUSTER, max(change.mod_revision for change in changes), changes)


def defined(wanted: Definition | ServiceName, revision: int) -> Entry:
    """A definition that was stored at this revision; of a name, the least there is."""
    if isinstance(wanted, ServiceName):
        wanted = named(wanted.service)
    return entry(KEYS.service(wanted.name), revision, wanted.encode(), lease=0)


def claimed(instance: InstanceName, record: ClaimRecord, revision: int, lease: int = 77) -> Entry:
    """A claim under its holder's lease."""
    return entry(KEYS.claim(instance), revision, record.encode(), lease=lease)


def present(name: str, record: NodeRecord, revision: int = 4, lease: int = 77) -> Entry:
    """The record of a node that holds a lease."""
    return entry(KEYS.node(name), revision, record.encode(), lease=lease)
