"""
Routes: which host name leads to which instances, computed from the services that run.

Pure. Every field that would reach nginx is checked here, because a definition or another node's record may be hostile;
an unusable value is refused by itself and never stops the rest. Knows nothing of nginx's syntax.

Note [Oldest wins]
    nginx lets the first of two servers with one name win, with no more than a warning. Two services that claim a host
    name are therefore resolved before: the one whose definition was created first in etcd keeps it, so a newcomer never
    takes traffic away, and every node decides alike.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from functools import lru_cache

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.host_names import is_host_name
from daprdockr.model.names import InstanceName, ServiceName, shorten


@frozen
class Upstream:
    """One healthy instance and where it listens; ``local`` says that it runs on this node."""

    instance: InstanceName
    address: str
    port: int
    local: bool = False


@frozen
class Route:
    """
    A host name and the instances behind it, in order; none means that no instance is healthy. Then a request waits
    ``hold`` seconds for one.
    """

    host_name: str
    service: ServiceName
    upstreams: tuple[Upstream, ...]
    hold: float = 0.0


@frozen
class HttpService:
    """A service with ``Http``; ``created`` is the create revision of its definition in etcd, ``hold`` is seconds."""

    service: ServiceName
    host_names: tuple[str, ...]
    upstreams: tuple[Upstream, ...]
    created: int
    hold: float = 0.0


@frozen(order=True)
class Refusal:
    """``subject``, a host name or an instance's place, is not routed to ``service``; ``reason`` is one line."""

    service: ServiceName
    subject: str
    reason: str


@frozen
class Routing:
    """All routes, and the refusals; both sorted, so equal inputs give equal routings."""

    routes: tuple[Route, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def check_host_name(name: object) -> str:
    """
    Return ``name`` if it is a host name in lower case, perhaps with ``*.`` before it.

    :raises BadInput: otherwise.
    """
    if isinstance(name, str) and is_host_name(name):
        return name
    raise BadInput(f"host name {shorten(name)} is not usable: write a name such as example.com or *.example.com")


def check_endpoint(address: object, port: object) -> str:
    """
    Return ``address:port`` (``[address]:port`` for IPv6) in its one canonical spelling.

    :raises BadInput: if the address is no IP literal or the port no number from 1 to 65535.
    """
    if type(port) is not int or not 1 <= port <= 65535:
        raise BadInput(f"port {shorten(port)} is not usable: it lies between 1 and 65535")
    # ipaddress lets an IPv6 scope through unread: "fe80::1%;}" would be an address.
    if not isinstance(address, str) or "%" in address:
        raise BadInput(f"address {shorten(address)} is not usable: write an IP address without a scope")
    try:
        return f"{_canonical(address)}:{port}"
    except ValueError:
        raise BadInput(f"address {shorten(address)} is not usable: write an IP address") from None


@lru_cache(maxsize=4096)
def _canonical(address: str) -> str:
    """
    Return the canonical spelling, cached: a cluster has few addresses, and each change of a route checks all of them.
    :raises ValueError: it is no address.
    """
    parsed = ipaddress.ip_address(address)
    return f"[{parsed}]" if parsed.version == 6 else str(parsed)


def by_number(upstream: Upstream) -> tuple[int, str, int]:
    """Return the sort key for the instances of a service; ten times as fast as comparing whole values."""
    return upstream.instance.number, upstream.address, upstream.port


def routing(services: Iterable[HttpService]) -> Routing:
    """Compute the routes of these services. Raises nothing. See Note [Oldest wins]."""
    routes: dict[str, Route] = {}
    refusals: set[Refusal] = set()
    for service in sorted(services, key=lambda s: (s.created, s.service)):
        upstreams = tuple(_usable_upstreams(service, refusals))
        for name in _usable_host_names(service, refusals):
            holder = routes.setdefault(name, Route(name, service.service, upstreams, service.hold)).service
            if holder != service.service:
                refusals.add(Refusal(service.service, name, f"host name {name} already belongs to {holder}"))
    return Routing(tuple(routes[name] for name in sorted(routes)), tuple(sorted(refusals)))


def _usable_host_names(service: HttpService, refusals: set[Refusal]) -> Iterator[str]:
    for name in service.host_names:
        try:
            yield check_host_name(name.lower())
        except BadInput as error:
            refusals.add(Refusal(service.service, shorten(name), str(error)))


def _usable_upstreams(service: HttpService, refusals: set[Refusal]) -> Iterator[Upstream]:
    """Yield each place once: two records of one place would count its connections twice."""
    places: set[str] = set()
    for upstream in sorted(service.upstreams, key=by_number):
        try:
            place = check_endpoint(upstream.address, upstream.port)
        except BadInput as error:
            refusals.add(Refusal(service.service, str(upstream.instance), str(error)))
            continue
        if place not in places:
            places.add(place)
            yield upstream
