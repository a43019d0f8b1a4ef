# -*- test-case-name: tests.unit.cli.commands.test_secret,tests.unit.cli.commands.test_file -*-
"""The services that use stored values, secrets and files, and the deletion of a value that none of them needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from daprdockr.cli.request import Request
from daprdockr.cli.stored import delete_both
from daprdockr.model.errors import DaprdockrError, NotFound
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import one_line
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Listing
from daprdockr.model.stored.keys import Keys
from daprdockr.model.wanted.definition import Definition

ValueNames = Callable[[Definition], Iterable[str]]
"""Returns the names of values in a definition."""


class ValueInUse(DaprdockrError):
    """Services need the value."""


def users(keys: Keys, store: Store, names: ValueNames) -> dict[str, list[str]]:
    """Return the services by the values that they name; those that cannot be read count for none."""
    return _users(_defined(keys, store)[0], names)


def delete_value(request: Request, store: Store, named: str, keys: tuple[str, str], names: ValueNames) -> None:
    """
    Delete a value; one that is in use only with ``-yes``.

    :param named: what it is called, such as "secret token".
    :param keys: those of its record and of the value itself.
    :raises NotFound: there is no such value.
    :raises ValueInUse: services use it, and could not start again; or one that cannot be read may use it.
    """
    if not request.yes and store.get(keys[0]) is not None:
        _check_unused(request.keys, store, named, names)
    if not delete_both(store, *keys):
        raise absent_value(named)


def _check_unused(keys: Keys, store: Store, named: str, names: ValueNames) -> None:
    """:raises ValueInUse: as ``delete_value``."""
    (cluster, listing), name = _defined(keys, store), named.partition(" ")[2]
    if using := _users(cluster, names).get(name):
        raise ValueInUse(
            f"{named} is used by {', '.join(using)}, which could start no container without it: change the definition"
            " first, or add -yes"
        )
    if doubtful := _unreadable_with(cluster, listing, name):
        raise ValueInUse(
            f"{named} may be used by {', '.join(doubtful)}, which this version cannot read: use the daprdockrcmd that"
            " stored it, or add -yes"
        )


def _defined(keys: Keys, store: Store) -> tuple[ClusterView, Listing]:
    """Return the definitions, as they are read and as they are stored."""
    cluster, listing = Cluster(keys), store.list(keys.services)
    cluster.replace(listing)
    return cluster, listing


def _users(cluster: ClusterView, names: ValueNames) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, service in sorted(cluster.services.items()):
        for value in dict.fromkeys(names(service.definition)):
            found.setdefault(value, []).append(str(name))
    return found


def _unreadable_with(cluster: ClusterView, listing: Listing, name: str) -> list[str]:
    """Return the services whose definition this version cannot read, and has the name of a value among its texts."""
    quoted = f'"{name}"'.encode()
    found = [entry.key for entry in listing.entries if entry.key in cluster.broken and quoted in entry.value]
    parts = (key.removeprefix(cluster.keys.services).partition("/") for key in found)  # perhaps of no usable name
    return [one_line(f"{service}.{group}") for group, _, service in parts]


def absent_value(named: str) -> NotFound:
    """Return the error of a command for a value that does not exist."""
    return NotFound(f"{named} does not exist: daprdockrcmd {named.partition(' ')[0]} ls lists what does")
