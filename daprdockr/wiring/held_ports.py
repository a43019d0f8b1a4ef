# -*- test-case-name: tests.unit.wiring.test_held_ports -*-
"""Which ports of this node TCP and UDP routes cannot have, and which ones containers leave to them. Values only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from daprdockr.arguments.settings import Settings
from daprdockr.model.host import ContainerState
from daprdockr.model.known.cluster import Cluster
from daprdockr.relay.message import PortKey


def held_ports(settings: Settings, containers: Iterable[ContainerState]) -> dict[PortKey, str]:
    """
    Return the ports that this agent needs, and those that containers here have, with who has them. One that has ended
    has its own too: it is started again with them.
    """
    held = {
        (port.protocol, port.host): f"it is a host port of {container.instance}"
        for container in containers
        for port in container.ports
        if port.host
    }
    return {**held, **dict(_own(settings))}


def _own(settings: Settings) -> Iterator[tuple[PortKey, str]]:
    for _, port in settings.dns:
        yield ("tcp", port), "it is in use for --dns"
        yield ("udp", port), "it is in use for --dns"
    for option, listeners in (
        ("--http", settings.http),
        ("--https", settings.https),
        ("--http-proxy-protocol", settings.http_proxy_protocol),
    ):
        for _, port in listeners:
            yield ("tcp", port), f"it is in use for {option}"
    if settings.api is not None:
        yield ("tcp", settings.api[1]), "it is in use for --api"
    for endpoint in settings.etcd.endpoints:
        yield ("tcp", endpoint.port), "it is in use for --etcd"


def ports_of_routes(cluster: Cluster) -> frozenset[PortKey]:
    """Return the ports of all routes, which containers are not given as host ports."""
    definitions = [service.definition for service in cluster.services.values()]
    tcp = {("tcp", route.port) for definition in definitions for route in definition.tcp}
    return frozenset(tcp | {("udp", route.port) for definition in definitions for route in definition.udp})
