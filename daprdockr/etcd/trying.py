# -*- test-case-name: tests.unit.cli.commands.test_status,tests.unit.wiring.test_answering -*-
"""Whether etcd takes writes at all, tried without writing anything."""

from __future__ import annotations

from daprdockr.model.errors import EtcdError, EtcdReadOnly
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import trial
from daprdockr.model.stored.keys import Keys


def refused_to_all(store: Store, keys: Keys) -> str:
    """
    Return why no node can write to etcd, or "". Blocking.

    In that case no node can report it in its record either. A refusal that concerns this user alone says nothing of the
    nodes.
    """
    try:
        store.commit(*trial(*keys.trials))
    except EtcdReadOnly as error:
        return str(error)
    except EtcdError:
        pass
    return ""
