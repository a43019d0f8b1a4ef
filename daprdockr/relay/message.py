"""
The message of an agent to the relay, as JSON: the addresses to listen on, and the routes. Pure.

The relay checks all of it again, as the last line of defence. Unknown members are ignored: a relay may be older than
its agent.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Any, NamedTuple

PROTOCOLS = ("tcp", "udp")
PortKey = tuple[str, int]
"""Protocol and number of a port of this node."""

MOST_ADDRESSES, MOST_PORTS = 4096, 16_384

MOST_TROUBLES = 30
"""So many fit into the answer that an agent reads."""

ROUTES, SOCKET = "routes.json", "relay.sock"
"""The files by which the two meet: the last message, which a relay begins with, and the socket for the next."""


class Destination(NamedTuple):
    """Where an instance listens; ``local`` says that it runs on this node."""

    address: str
    port: int
    local: bool = False


class PortRoute(NamedTuple):
    """
    A port of this node, and the instances that it leads to. With ``proxy_protocol`` each connection to an instance
    begins with the client's address.
    """

    protocol: str
    port: int
    service: str
    destinations: tuple[Destination, ...] = ()
    proxy_protocol: bool = False


class RelayState(NamedTuple):
    """All routes, and the addresses of this node on which their ports are listened to."""

    addresses: tuple[str, ...] = ()
    routes: tuple[PortRoute, ...] = ()


def encode_state(state: RelayState, version: int) -> bytes:
    routes = [{**route._asdict(), "destinations": list(map(list, route.destinations))} for route in state.routes]
    message = {"version": version, "addresses": state.addresses, "routes": routes}
    return json.dumps(message, separators=(",", ":")).encode()


def decode_state(data: bytes) -> tuple[int, RelayState]:
    """Return the version of a message, and its state. :raises ValueError: no agent wrote it."""
    try:
        message = json.loads(data)
        addresses, routes = message["addresses"], message["routes"]
        if len(addresses) > MOST_ADDRESSES or len(routes) > MOST_PORTS:
            raise ValueError("too many addresses or routes")
        state = RelayState(tuple(map(_address, addresses)), tuple(map(_route, routes)))
        return _number(message["version"], 0, 2**63), state
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no message of an agent: {error!r}") from None


def _route(value: Any) -> PortRoute:
    if value["protocol"] not in PROTOCOLS:
        raise ValueError("a protocol is neither tcp nor udp")
    return PortRoute(
        value["protocol"],
        _number(value["port"], 1, 65535),
        str(value["service"])[:200],
        tuple(_destination(*one) for one in value["destinations"]),
        value.get("proxy_protocol") is True,
    )


def _destination(address: Any, port: Any, local: Any, *more: Any) -> Destination:
    return Destination(_address(address), _number(port, 1, 65535), local is True)


def _address(value: Any) -> str:
    # ipaddress lets an IPv6 scope through unread
    if not isinstance(value, str) or "%" in value:
        raise ValueError("an address is no IP address without a scope")
    return str(ipaddress.ip_address(value))


def _number(value: Any, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"a number is not between {low} and {high}")
    return value
