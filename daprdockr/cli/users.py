# -*- test-case-name: tests.unit.cli.commands.test_secret,tests.unit.cli.commands.test_file -*-
"""The services that use stored values."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from daprdockr.model.known.cluster import Cluster
from daprdockr.model.seams import Store
from daprdockr.model.stored.keys import Keys
from daprdockr.model.wanted.definition import Definition


def users(keys: Keys, store: Store, names: Callable[[Definition], Iterable[str]]) -> dict[str, list[str]]:
    """
    Return the services by the values that they name; those that cannot be read count for none.

    :param names: returns the names in a definition.
    """
    cluster, found = Cluster(keys), dict[str, list[str]]()
    cluster.replace(store.list(keys.services))
    for name, service in sorted(cluster.services.items()):
        for value in dict.fromkeys(names(service.definition)):
            found.setdefault(value, []).append(str(name))
    return found
