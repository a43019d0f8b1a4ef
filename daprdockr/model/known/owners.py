# -*- test-case-name: tests.unit.model.known.test_owners -*-
"""
The rule by which one of several services has a port, or a path of a host name, that all of them want. Values only.

Note [Oldest wins]
    Of two services that want one of them, the one whose definition was created first in etcd keeps it, so a newcomer
    never takes traffic away, and every node decides alike. It is the same for a path of a host name, for the port of a
    TCP or UDP route, and between such a route and a host port that a definition fixes. Two definitions may fix one host
    port: each has it on nodes of its own.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from itertools import chain
from typing import TypeVar

from attrs import frozen

from daprdockr.model.names import ServiceName
from daprdockr.model.stored.revisioned import Service

PlaceKey = tuple[str, int] | tuple[str, str]
"""A port of each node, as protocol and number; or a host name, and a path below it."""
T = TypeVar("T", bound=Hashable)

_MOST_NAMED = 3


@frozen
class RouteOwner:
    """
    A service that has something, or wants it: for a route, or because its definition has ``fixed`` it as a host port;
    ``created`` is the create revision of its definition in etcd.
    """

    service: ServiceName
    created: int
    fixed: bool = False

    @property
    def precedence(self) -> tuple[int, ServiceName]:
        return self.created, self.service

    def __str__(self) -> str:
        return f"the PortBindings of {self.service}" if self.fixed else str(self.service)


@frozen
class Taken:
    """A port, or a path of a host name, that a service wants and another one has."""

    key: PlaceKey
    owner: RouteOwner

    @property
    def remedy(self) -> str:
        return "choose another port" if isinstance(self.key[1], int) else "choose another host name or path"

    def __str__(self) -> str:
        first, second = self.key
        name = f"port {second}/{first}" if isinstance(second, int) else f"{first}{second}"
        return f"{name} belongs to {self.owner}"


def owners(wanted: Iterable[tuple[T, RouteOwner]]) -> dict[T, RouteOwner]:
    """Return who has each thing that is wanted: Note [Oldest wins]."""
    found: dict[T, RouteOwner] = {}
    for key, owner in wanted:
        present = found.setdefault(key, owner)
        if present is not owner and owner.precedence < present.precedence:
            found[key] = owner
    return found


def wanted_ports(service: Service) -> Iterator[tuple[tuple[str, int], RouteOwner]]:
    """Yield the ports of each node that a service wants, for its routes or as host ports."""
    definition = service.definition
    route = RouteOwner(definition.name, service.created)
    fixed = RouteOwner(definition.name, service.created, fixed=True)
    yield from (((port.protocol, port.host), fixed) for port in definition.container.host_ports)
    yield from ((key, route) for key in sorted(definition.routed))


def wanted_paths(service: Service) -> Iterator[tuple[tuple[str, str], RouteOwner]]:
    """Yield the host names that a service wants, each with the path below it."""
    owner = RouteOwner(service.definition.name, service.created)
    yield from (((name, http.path), owner) for http in service.definition.http for name in http.host_names)


def taken(services: Iterable[Service]) -> dict[ServiceName, tuple[Taken, ...]]:
    """Return what services of a cluster want and do not have, because an older one has it; nothing of the others."""
    wanted = {service.definition.name: tuple(_wanted(service)) for service in services}
    has = owners(chain.from_iterable(wanted.values()))
    found = {
        name: tuple(
            Taken(key, has[key])
            for key, owner in of_one
            if owner is not has[key] and not (owner.fixed and has[key].fixed)
        )
        for name, of_one in wanted.items()
    }
    return {name: of_one for name, of_one in found.items() if of_one}


def _wanted(service: Service) -> Iterator[tuple[PlaceKey, RouteOwner]]:
    yield from wanted_ports(service)
    yield from wanted_paths(service)


def in_short(found: Iterable[Taken]) -> str:
    """Return what is taken, in one line; "" for nothing."""
    texts = [str(one) for one in found]
    more = [f"{len(texts) - _MOST_NAMED} more like it"] if len(texts) > _MOST_NAMED else []
    return ", ".join([*texts[:_MOST_NAMED], *more])
