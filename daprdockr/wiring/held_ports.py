# -*- test-case-name: tests.unit.wiring.test_held_ports -*-
"""
Which ports of this node TCP and UDP routes cannot have, and which ones containers leave to them or cannot fix. Values
only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from daprdockr.arguments.settings import Settings
from daprdockr.model.etcd_member import MEMBER_PORT
from daprdockr.model.host import ContainerState
from daprdockr.model.known.owners import owners, wanted_ports
from daprdockr.model.known.view import ClusterView
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


def not_to_fix(settings: Settings, owners: Mapping[PortKey, str]) -> dict[PortKey, str]:
    """
    Return the ports that no definition can fix on this node, with the reasons: those that this agent needs, and those
    of routes.

    :param owners: as ``ports_of_routes`` returns them.
    """
    routed = {key: f"it is the port of a route of {service}" for key, service in owners.items() if service}
    return {**routed, **dict(_own(settings))}


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
    if settings.peer is not None:
        yield ("tcp", settings.peer[1]), "it is in use for --peer"
    for endpoint in settings.etcd.endpoints:
        yield ("tcp", endpoint.port), "it is in use for --etcd"
    if settings.founded:  # a member that is started anew needs it as before
        yield ("tcp", MEMBER_PORT), "the members of etcd speak to each other there"


def ports_of_routes(cluster: ClusterView) -> dict[PortKey, str]:
    """
    Return the ports of all routes, each with its service, and those that definitions fix, with "": of a route and a
    fixed port the one that was defined first. Containers are not given them as host ports.
    """
    has = owners(one for service in cluster.services.values() for one in wanted_ports(service))
    return {key: "" if owner.fixed else str(owner.service) for key, owner in has.items()}
