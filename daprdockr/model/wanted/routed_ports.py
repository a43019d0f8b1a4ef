"""
The container ports to which the routes of a definition lead: what a claim says of the container that it leads to.

Note [The ports of its own definition]
    While a changed definition reaches the instances one by one, containers of the former one serve on. A program that
    listens on another port from now on did not before, so a route leads to each container at the port that the
    container's own definition states. The claim has these ports from the time when that definition was the present one.
    An entry of the present definition is led to the same port, if the own one has that among its ports of that kind;
    else to that of the own one's entry of the same name. One of ``Tcp`` and ``Udp`` is known by its ``Port``, one of
    ``Http`` by ``Http.known_by``. An entry that the own definition did not have leads to no port of the container: its
    requests wait for a container that has it. Claims of older agents have no names; there the place counts.
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


@frozen
class RoutedPorts:
    """
    The container ports of the entries of ``Http``, ``Tcp`` and ``Udp``, in order; one if all are the same.

    :ivar http_of: what the entries of ``http`` are known by, in their order; none where an older agent wrote it.
    :ivar tcp_of: the ports of a node that lead to those of ``tcp``, likewise.
    :ivar udp_of: those of ``udp``.
    """

    http: tuple[int, ...] = field(default=(), converter=_shortened)
    tcp: tuple[int, ...] = field(default=(), converter=_shortened)
    udp: tuple[int, ...] = field(default=(), converter=_shortened)
    http_of: tuple[str, ...] = ()
    tcp_of: tuple[int, ...] = ()
    udp_of: tuple[int, ...] = ()

    @classmethod
    def read(cls, value: object, path: str) -> RoutedPorts:
        return cls(**known_members(value, path, _MEMBERS))

    def write(self) -> dict[str, Any]:
        return changed_members(self, RoutedPorts(), _MEMBERS)

    def led_to(self, kind: Kind, index: int, port: int, of: int | str) -> int:
        """
        Return the port for the entry at ``index`` that states ``port``: Note [The ports of its own definition].

        :param of: what the entry is known by.
        """
        own: Sequence[int] = getattr(self, kind)
        known: Sequence[int | str] = getattr(self, f"{kind}_of")
        if port in own or not own or (known and of not in known):
            return port
        index = known.index(of) if known else index
        return own[index] if index < len(own) else own[0] if len(own) == 1 else port


_PORTS = reading.tuple_of(reading.port)
_MEMBERS: Members = {
    "Http": ("http", _PORTS),
    "Tcp": ("tcp", _PORTS),
    "Udp": ("udp", _PORTS),
    "HttpOf": ("http_of", reading.texts),
    "TcpOf": ("tcp_of", _PORTS),
    "UdpOf": ("udp_of", _PORTS),
}
