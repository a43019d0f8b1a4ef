# -*- test-case-name: tests.unit.compose.test_definitions -*-
"""
Ports that are published.

A published port is one of every node that leads to the service, wherever it runs: a route. So it does not matter on
which node an instance is, or how many there are. With ``mode: host`` it is one of the instance's own node.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from attrs import frozen

from daprdockr.compose import units
from daprdockr.compose.service import ComposeService
from daprdockr.compose.short_port import long_port
from daprdockr.compose.tree import PlacedMap
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

HTTP_PORTS = (80, 443)
HTTPS = 443
AGENTS: Mapping[int, str] = {53: "DNS", 80: "nginx", 443: "nginx", 5080: "API", 5081: "sessions"}
"""The ports on which a node's agent listens, and for what, unless it was given others."""

_MODE = units.one_of("host", "ingress")
_EXAMPLE = "x-daprdockr: {Http: {HostName: example.com, ContainerPort: %s}}"


@frozen
class PublishedPort:
    """
    A port of a container, and the one of the nodes that leads to it; 0: any free one.

    :ivar host: only the node of an instance has it.
    """

    target: int
    published: int = 0
    protocol: str = "tcp"
    host: bool = False


@frozen
class PortOwner:
    """
    The service that has a port of the nodes, in one file.

    :ivar host: whether it has the port on the nodes of its instances alone.
    """

    name: str
    host: bool

    def __str__(self) -> str:
        return f"of {'a' if self.host else 'every'} node leads to {self.name}"


def publishing(service: ComposeService, http: frozenset[int], owners: dict[tuple[str, int], PortOwner]) -> None:
    """
    :param http: the ports of the container that have a host name.
    :param owners: by protocol and number, the services that have ports of the nodes so far.
    """
    for number, one in enumerate(service.read("ports", lambda value: list(units.tables(value))) or []):
        key = f"ports[{number}]"
        long = one if isinstance(one, PlacedMap) else service.taken(key, one, long_port)
        if not _is_on_all(service, key, long):
            for port in service.taken(key, long, lambda value: _all(value, free=True)):
                expose(service, port.target, port.protocol)
            continue
        for port in service.taken(key, long, _all):
            _publish(service, key, port, http, owners)


def add_route(service: ComposeService, protocol: str, port: int, target: int) -> None:
    routes = service.definition.setdefault("Tcp" if protocol == "tcp" else "Udp", [])
    route = {"Port": port, "ContainerPort": str(target)}
    if route not in routes:
        routes.append(route)


def expose(service: ComposeService, port: int, protocol: str) -> None:
    """Let a port of the container get a free one of its node."""
    exposed, text = service.container.setdefault("ExposedPorts", []), f"{port}/{protocol}"
    exposed += [text] if text not in exposed else []


def _publish(
    service: ComposeService,
    key: str,
    port: PublishedPort,
    http: frozenset[int],
    owners: dict[tuple[str, int], PortOwner],
) -> None:
    if not port.published:
        expose(service, port.target, port.protocol)
    elif port.published in HTTP_PORTS and port.target in http:
        pass  # its host names lead there
    elif port.published in AGENTS:
        _of_an_agent(service, key, port, http)
    elif port.protocol not in ("tcp", "udp"):
        expose(service, port.target, port.protocol)
        service.find(key, f"there are no routes of {port.protocol}: publish a port of TCP or UDP")
    elif (other := _other_owner(service, port, owners)) is not None:
        expose(service, port.target, port.protocol)
        service.find(key, f"port {port.published} {other}: publish another one")
    elif port.host:
        _bind(service, key, port)
    else:
        add_route(service, port.protocol, port.published, port.target)


def _of_an_agent(service: ComposeService, key: str, port: PublishedPort, http: frozenset[int]) -> None:
    """Name a port that agents listen on; with a host name, 443 leads to the service from there."""
    name = f"port {port.published} of every node is its agent's, for {AGENTS[port.published]}"
    if port.published == HTTPS and http:
        text = f"{name}, which terminates TLS for host names, and leads to port {min(http)}: that one must not use TLS"
        service.find(key, text, weighty=False)
        return
    expose(service, port.target, port.protocol)
    if port.published == HTTPS:
        text = f"{name}, which terminates TLS for host names: name a port without TLS, as in {_EXAMPLE % 8080}"
        service.find(key, text)
    elif port.published in HTTP_PORTS:
        service.find(key, f"{name}: {_EXAMPLE % port.target}")
    else:
        service.find(key, f"{name}: publish another one")


def _other_owner(
    service: ComposeService, port: PublishedPort, owners: dict[tuple[str, int], PortOwner]
) -> PortOwner | None:
    """Return the other service that has a port. Two may have it each on nodes of its own."""
    owner = owners.setdefault((port.protocol, port.published), PortOwner(service.name, port.host))
    return owner if owner.name != service.name and not (owner.host and port.host) else None


def _bind(service: ComposeService, key: str, port: PublishedPort) -> None:
    bindings = service.container.setdefault("PortBindings", {})
    name = f"{port.target}/{port.protocol}"
    if bindings.setdefault(name, [{"HostPort": str(port.published)}]) != [{"HostPort": str(port.published)}]:
        service.find(key, f"port {name} has a port of the host already: leave one out, or use mode: ingress")


def _is_on_all(service: ComposeService, key: str, long: PlacedMap) -> bool:
    """Return whether a port is for all interfaces; if not, it is found."""
    text = long.get("host_ip")
    if not text:
        return True
    address = service.taken(key, text, _address)
    if address.is_unspecified:
        return True
    where = "on loopback alone" if address.is_loopback else f"on {address} alone"
    remedy = "leave the address out, or name the port by expose"
    service.find(key, f"no port is published {where}, nodes publish on the addresses of --host: {remedy}")
    return False


def _address(value: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(units.text(value))
    except ValueError:
        raise BadInput(f"{shorten(value)} is not usable, write an address such as 192.0.2.1") from None


def _all(value: object, free: bool = False) -> list[PublishedPort]:
    """Return the ports of an entry. :param free: each gets any port of its node."""
    assert isinstance(value, PlacedMap)
    targets = units.ports(value.get("target") or "")
    protocol = units.text(value.get("protocol") or "tcp").lower()
    if protocol not in ("tcp", "udp", "sctp"):
        raise BadInput(f"protocol {shorten(protocol)} is not usable, write tcp or udp")
    host = _MODE(value.get("mode") or "ingress") == "host"
    if free or value.get("published") in (None, ""):
        return [PublishedPort(target, protocol=protocol, host=host) for target in targets]
    published = units.ports(value["published"])
    if len(targets) == 1 and len(published) > 1:
        published = [0]  # any one of them, as a free one is
    if len(targets) != len(published):
        raise BadInput(f"{len(published)} ports cannot lead to {len(targets)}: write ranges of the same length")
    return [PublishedPort(*both, protocol, host) for both in zip(targets, published, strict=True)]
