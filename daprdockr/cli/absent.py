# -*- test-case-name: tests.unit.cli.test_absent,tests.unit.cli.commands.test_services -*-
"""The errors about a service or a node that does not exist, with the one that may be meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput, EtcdError, NotFound
from daprdockr.model.names import ServiceName

if TYPE_CHECKING:
    from daprdockr.model.seams import Store

_ALIKE = 0.6
"""The least share of letters that two names have in common, of which one may be a slip of the other."""


class NoSuchService(NotFound):
    """
    A command needs a service that does not exist.

    :ivar lacking: what is said of it.
    """

    def __init__(self, service: ServiceName, lacking: str = "does not exist") -> None:
        super().__init__(f"{service} {lacking}: daprdockrcmd status lists all")
        self.service = service
        self.lacking = lacking


def with_likely(error: NoSuchService, request: Request, store: Store) -> NotFound:
    """Return the error with the stored service that is meant, if one has nearly this name, and etcd answers."""
    near = None
    with suppress(EtcdError):
        near = _nearest(error.service, stored_services(request, store))
    if near is None:
        return error
    return NotFound(f"{error.service} {error.lacking}, did you mean {near}? daprdockrcmd status lists all")


def no_such_node(node: str, known: Iterable[str]) -> NotFound:
    """:param known: the nodes that exist."""
    alike, near = max(((_likeness(node, one), one) for one in known), default=(0.0, ""))
    if alike < _ALIKE:
        return NotFound(f"node {node} does not exist: daprdockrcmd nodes lists all")
    return NotFound(f"node {node} does not exist, did you mean {near}? daprdockrcmd nodes lists all")


def _nearest(service: ServiceName, known: Iterable[ServiceName]) -> ServiceName | None:
    """Return the service of which neither part is spelled much otherwise: a group has many that share its name."""
    rated = ((min(_likeness(service.service, one.service), _likeness(service.group, one.group)), one) for one in known)
    alike, near = max(rated, default=(0.0, None), key=lambda one: one[0])
    return near if alike >= _ALIKE else None


def _likeness(one: str, other: str) -> float:
    from difflib import SequenceMatcher

    return SequenceMatcher(None, one, other).ratio()


def stored_services(request: Request, store: Store) -> Iterator[ServiceName]:
    """Yield the services that have a definition, readable or not."""
    for entry in store.list(request.keys.services).entries:
        with suppress(BadInput):
            name = request.keys.read(entry.key)
            if isinstance(name, ServiceName):
                yield name
