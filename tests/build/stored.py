"""The content of a store, as the values that its keys have."""

from __future__ import annotations

from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.history import Revisions
from daprdockr.model.stored.mirrored_keys import SuccessorKey
from daprdockr.model.stored.rollout import RolloutRecord
from daprdockr.model.wanted.definition import Definition
from tests.build.values import KEYS, WEB


def events_in(store: Store) -> list[Event]:
    """The events that were written for people, in the order of their keys."""
    return [Event.decode(entry.value) for entry in store.list(KEYS.events).entries]


def definition_in(store: Store, service: ServiceName = WEB) -> Definition:
    """The definition of a service that has one."""
    entry = store.get(KEYS.service(service))
    assert entry is not None
    return Definition.parse(entry.value)


def revisions_in(store: Store, service: ServiceName = WEB) -> Revisions:
    """The former definitions of a service."""
    return Revisions.read(KEYS, service, store.list(KEYS.history(service)).entries)


def rollout_in(store: Store, service: ServiceName = WEB) -> RolloutRecord | None:
    """The record of the last rollout of a service, if it did not end well."""
    entry = store.get(KEYS.rollout(service))
    return RolloutRecord.decode(entry.value) if entry is not None else None


def successors_in(store: Store) -> list[str]:
    """The instances that a node prepares to take over."""
    names = (KEYS.read(entry.key) for entry in store.list(KEYS.root).entries)
    return [str(name.instance) for name in names if isinstance(name, SuccessorKey)]
