# -*- test-case-name: tests.unit.model.wanted.test_definition -*-
"""The ``Tcp`` and ``Udp`` parts of a definition: ports of every node that lead to a service."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.members import Members, read_members

MOST_ROUTES = 64
"""The most ports that lead to one service, of each protocol."""


@frozen
class TcpRoute:
    """
    A TCP port of every node, and the port of this service's containers that it leads to.

    :ivar proxy_protocol: whether the container gets the client's address, in version 1 of the PROXY protocol.
    """

    port: int
    container_port: int
    proxy_protocol: bool = False

    @classmethod
    def read(cls, value: object, path: str) -> TcpRoute:
        return cls(**read_members(value, path, _TCP_MEMBERS, required=("Port", "ContainerPort")))

    def write(self) -> dict[str, Any]:
        written: dict[str, Any] = {"Port": self.port, "ContainerPort": str(self.container_port)}
        return {**written, "ProxyProtocol": True} if self.proxy_protocol else written


@frozen
class UdpRoute:
    """A UDP port of every node, and the port of this service's containers that it leads to."""

    port: int
    container_port: int

    @classmethod
    def read(cls, value: object, path: str) -> UdpRoute:
        return cls(**read_members(value, path, _UDP_MEMBERS, required=("Port", "ContainerPort")))

    def write(self) -> dict[str, Any]:
        return {"Port": self.port, "ContainerPort": str(self.container_port)}


def tcp_routes(value: object, path: str) -> tuple[TcpRoute, ...]:
    routes = tuple(reading.list_of(TcpRoute.read)(value, path))
    _check_ports([route.port for route in routes], path)
    return routes


def udp_routes(value: object, path: str) -> tuple[UdpRoute, ...]:
    routes = tuple(reading.list_of(UdpRoute.read)(value, path))
    _check_ports([route.port for route in routes], path)
    return routes


def _check_ports(ports: list[int], path: str) -> None:
    reading.refuse_more(ports, path, MOST_ROUTES)
    twice = next((port for index, port in enumerate(ports) if port in ports[:index]), None)
    if twice is not None:
        raise BadInput(f"{path}: port {twice} is given twice, write each port once")


_UDP_MEMBERS: Members = {
    "Port": ("port", reading.port),
    "ContainerPort": ("container_port", reading.port),
}
_TCP_MEMBERS: Members = {**_UDP_MEMBERS, "ProxyProtocol": ("proxy_protocol", reading.boolean)}
