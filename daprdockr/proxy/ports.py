"""
TCP and UDP routes: which port of each node leads to which instances, computed from the services that run. Pure.

Note [Who has a port]
    Of two services that want one port the one whose definition was created first in etcd keeps it, as with host names,
    so every node decides alike. The same holds between a route and a host port that a definition fixes, which one
    instance has on some node: the other nodes do not serve it either. A port that this node itself needs, or that a
    container here has published, leads nowhere on this node; the other nodes serve it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from daprdockr.model.names import ServiceName
from daprdockr.proxy.routes import Upstream, check_endpoint
from daprdockr.proxy.routing import Refusal, usable
from daprdockr.relay.message import Destination, PortKey, PortRoute


@frozen
class WantedPort:
    """
    A port of each node, and the healthy instances that it leads to; one that is ``fixed`` leads nowhere: it is a host
    port that the definition fixes.
    """

    protocol: str
    port: int
    upstreams: tuple[Upstream, ...]
    proxy_protocol: bool = False
    fixed: bool = False


@frozen
class PortService:
    """
    A service with ``Tcp``, ``Udp`` or ``PortBindings``; ``created`` is the create revision of its definition in etcd.
    """

    service: ServiceName
    ports: tuple[WantedPort, ...]
    created: int


@frozen
class PortOwner:
    """The service that has a port, for a route or because its definition fixes it: Note [Who has a port]."""

    service: ServiceName
    fixed: bool

    def __str__(self) -> str:
        return f"the PortBindings of {self.service}" if self.fixed else str(self.service)


@frozen
class PortRouting:
    """All routes, and the refusals; both sorted, so equal inputs give equal routings."""

    routes: tuple[PortRoute, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def port_owners(services: Iterable[PortService]) -> dict[PortKey, PortOwner]:
    """Return who has each port that one of these services wants."""
    owners: dict[PortKey, PortOwner] = {}
    for service in sorted(services, key=_precedence):
        for wanted in service.ports:
            owners.setdefault((wanted.protocol, wanted.port), PortOwner(service.service, wanted.fixed))
    return owners


def port_routing(services: Iterable[PortService], held: Mapping[PortKey, str]) -> PortRouting:
    """
    Compute the routes of these services. Raises nothing. See Note [Who has a port].

    :param held: the ports of this node that cannot be routes, and who has them.
    """
    services = tuple(services)
    owners = port_owners(services)
    routes: dict[PortKey, PortRoute] = {}
    refusals: set[Refusal] = set()
    for service in sorted(services, key=_precedence):
        for wanted in service.ports:
            key = wanted.protocol, wanted.port
            owner, subject = owners[key], f"port {wanted.port}/{wanted.protocol}"
            if wanted.fixed:
                continue
            if key in held and not owner.fixed:
                refusals.add(Refusal(service.service, subject, f"{subject} is no route on this node: {held[key]}"))
            elif owner != PortOwner(service.service, fixed=False):
                refusals.add(Refusal(service.service, subject, f"{subject} already belongs to {owner}"))
            else:
                destinations = tuple(map(_destination, usable(service.service, wanted.upstreams, refusals)))
                routes[key] = PortRoute(*key, str(service.service), destinations, wanted.proxy_protocol)
    return PortRouting(tuple(routes[key] for key in sorted(routes)), tuple(sorted(refusals)))


def _precedence(service: PortService) -> tuple[int, ServiceName]:
    return service.created, service.service


def _destination(upstream: Upstream) -> Destination:
    address = check_endpoint(upstream.address, upstream.port).rpartition(":")[0]
    return Destination(address.strip("[]"), upstream.port, upstream.local)
