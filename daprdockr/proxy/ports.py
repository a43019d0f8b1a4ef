"""
TCP and UDP routes: which port of each node leads to which instances, computed from the services that run. Pure.

Note [Who has a port]
    Of two services that want one port the older one keeps it: Note [Oldest wins] in ``daprdockr.model.known.owners``. A
    host port that a definition fixes one instance has on some node: the other nodes do not serve it either. A port that
    this node itself needs, or that a container here has published, leads nowhere on this node; the other nodes serve
    it. The same holds for the last place in the relay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from daprdockr.model.known.owners import RouteOwner, owners
from daprdockr.model.names import ServiceName
from daprdockr.proxy.routes import Upstream, check_endpoint
from daprdockr.proxy.routing import Refusal, usable
from daprdockr.relay.message import MOST_PORTS, Destination, PortKey, PortRoute


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
    services = sorted(services, key=lambda one: (one.created, one.service))
    has = owners(((port.protocol, port.port), _owner(service, port)) for service in services for port in service.ports)
    routes: dict[PortKey, PortRoute] = {}
    refusals: set[Refusal] = set()
    for service in services:
        for wanted in service.ports:
            key = wanted.protocol, wanted.port
            if wanted.fixed:
                continue
            is_full = key not in routes and len(routes) >= MOST_PORTS
            if reason := _hindrance(has[key], _owner(service, wanted), held.get(key), is_full):
                subject = f"port {wanted.port}/{wanted.protocol}"
                is_local = key in held and not has[key].fixed
                refusals.add(Refusal(service.service, subject, f"{subject} {reason}", is_local))
            else:
                destinations = tuple(map(_destination, usable(service.service, wanted.upstreams, refusals)))
                routes[key] = PortRoute(*key, str(service.service), destinations, wanted.proxy_protocol)
    return PortRouting(tuple(routes[key] for key in sorted(routes)), tuple(sorted(refusals)))


def _hindrance(owner: RouteOwner, own: RouteOwner, held: str | None, is_full: bool) -> str:
    """Return why a port is no route of its service, as the end of a sentence; "": nothing prevents it."""
    if held is not None and not owner.fixed:
        return f"is no route on this node: {held}"
    if owner != own:
        return f"already belongs to {owner}"
    return f"is not served, because the relay is given at most {MOST_PORTS} ports" if is_full else ""


def _owner(service: PortService, wanted: WantedPort) -> RouteOwner:
    return RouteOwner(service.service, service.created, wanted.fixed)


def _destination(upstream: Upstream) -> Destination:
    address = check_endpoint(upstream.address, upstream.port).rpartition(":")[0]
    return Destination(address.strip("[]"), upstream.port, upstream.local)
