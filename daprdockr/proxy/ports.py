"""
TCP and UDP routes: which port of each node leads to which instances, computed from the services that run. Pure.

Note [Who has a port]
    Of two services that want one port the older one keeps it: Note [Oldest wins] in ``daprdockr.model.known.owners``. A
    host port that a definition fixes one instance has on some node: the other nodes do not serve it either. A port that
    this node itself needs, or that a container here has published, leads nowhere on this node; the other nodes serve
    it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from daprdockr.model.known.owners import RouteOwner, owners
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
class PortRouting:
    """All routes, and the refusals; both sorted, so equal inputs give equal routings."""

    routes: tuple[PortRoute, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def port_routing(services: Iterable[PortService], held: Mapping[PortKey, str]) -> PortRouting:
    """
    Compute the routes of these services. Raises nothing. See Note [Who has a port].

    :param held: the ports of this node that cannot be routes, and who has them.
    """
    services = tuple(services)
    has = owners(((port.protocol, port.port), _owner(service, port)) for service in services for port in service.ports)
    routes: dict[PortKey, PortRoute] = {}
    refusals: set[Refusal] = set()
    for service in services:
        for wanted in service.ports:
            key = wanted.protocol, wanted.port
            owner, subject = has[key], f"port {wanted.port}/{wanted.protocol}"
            if wanted.fixed:
                continue
            if key in held and not owner.fixed:
                refusals.add(Refusal(service.service, subject, f"{subject} is no route on this node: {held[key]}"))
            elif owner != _owner(service, wanted):
                refusals.add(Refusal(service.service, subject, f"{subject} already belongs to {owner}"))
            else:
                destinations = tuple(map(_destination, usable(service.service, wanted.upstreams, refusals)))
                routes[key] = PortRoute(*key, str(service.service), destinations, wanted.proxy_protocol)
    return PortRouting(tuple(routes[key] for key in sorted(routes)), tuple(sorted(refusals)))


def _owner(service: PortService, wanted: WantedPort) -> RouteOwner:
    return RouteOwner(service.service, service.created, wanted.fixed)


def _destination(upstream: Upstream) -> Destination:
    address = check_endpoint(upstream.address, upstream.port).rpartition(":")[0]
    return Destination(address.strip("[]"), upstream.port, upstream.local)
