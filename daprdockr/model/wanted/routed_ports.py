"""
The container ports to which the routes of a definition lead: what a claim says of the container that it leads to.

Note [The ports of its own definition]
    While a changed definition reaches the instances one by one, containers of the former one serve on. A program that
    listens on another port from now on did not before, so a route leads to each container at the port that the
    container's own definition states. The claim has these ports from the time when that definition was the present one.
    An entry of the present definition is led to the same port, if the own one has that among its ports of that kind;
    else to that of the own one's entry in the same place. Routes of ``Tcp`` and ``Udp`` are known by their ``Port``
    instead of the place. One that the own definition did not have, such as an entry of ``Http`` beyond its last one,
    leads to no port of the container: its requests wait for a container that has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from attrs import field, frozen

from daprdockr.model import reading
from daprdockr.model.members import Members, changed_members, known_members

Kind = Literal["http", "tcp", "udp"]
"""The part of a definition that a route stands in."""


def _shortened(ports: Iterable[int]) -> tuple[int, ...]:
    """Return one for all if they are the same."""
    found = tuple(ports)
    return found if len(set(found)) > 1 else found[:1]


def _in_order(ports: Iterable[int]) -> tuple[int, ...]:
    return tuple(ports)


@frozen
class RoutedPorts:
    """
    The container ports of the entries of ``Http``, ``Tcp`` and ``Udp``, in order; one if all are the same.

    :ivar http_entries: how many entries ``Http`` has; 0 also where an older agent wrote it.
    :ivar tcp_of: the ports of a node that lead to those of ``tcp``, in their order; none where an older agent wrote it.
    :ivar udp_of: those of ``udp``.
    """

    http: tuple[int, ...] = field(default=(), converter=_shortened)
    tcp: tuple[int, ...] = field(default=(), converter=_shortened)
    udp: tuple[int, ...] = field(default=(), converter=_shortened)
    tcp_of: tuple[int, ...] = field(default=(), converter=_in_order)
    udp_of: tuple[int, ...] = field(default=(), converter=_in_order)
    http_entries: int = 0

    @classmethod
    def read(cls, value: object, path: str) -> RoutedPorts:
        return cls(**known_members(value, path, _MEMBERS))

    def write(self) -> dict[str, Any]:
        return changed_members(self, RoutedPorts(), _MEMBERS)

    def led_to(self, kind: Kind, index: int, port: int, of: int = 0) -> int:
        """
        Return the port for the entry at ``index`` that states ``port``: Note [The ports of its own definition].

        :param of: the port of a node that leads there; 0 for an entry of ``Http``.
        """
        own: Sequence[int] = getattr(self, kind)
        routes = {"tcp": self.tcp_of, "udp": self.udp_of}.get(kind, ())
        is_added = of not in routes if routes else 0 < self.http_entries <= index and kind == "http"
        if port in own or not own or is_added:
            return port
        index = routes.index(of) if routes else index
        return own[index] if index < len(own) else own[0] if len(own) == 1 else port


_PORTS = reading.list_of(reading.port)
_MEMBERS: Members = {
    "Http": ("http", _PORTS),
    "Tcp": ("tcp", _PORTS),
    "Udp": ("udp", _PORTS),
    "TcpOf": ("tcp_of", _PORTS),
    "UdpOf": ("udp_of", _PORTS),
    "HttpEntries": ("http_entries", reading.integer(0, 2**31 - 1)),
}
