"""
Choosing host ports for a new container: the ones it had, otherwise free ones, in an order that tends to repeat; and the
addresses of this host on which they are published.
"""

from __future__ import annotations

import errno
import hashlib
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial

from attrs import evolve

from daprdockr.model.errors import EngineRefused
from daprdockr.model.host import Port
from daprdockr.model.names import InstanceName

FIRST, LAST = 20_000, 32_767
"""Below Linux's range for outgoing connections (32768 to 60999), which could otherwise hold a port for a moment."""

_TRIES = 200

_PROTOCOLS = {
    "tcp": (socket.SOCK_STREAM, 0),
    "udp": (socket.SOCK_DGRAM, 0),
    "sctp": (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}
_UNKNOWN = (errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT)
_NO_PROTOCOL = "{0} ports cannot be published here, the kernel has no {0}: load its module, or publish none"

_UNPRIVILEGED = 1024
"""An agent that is not root cannot try ports below; the Engine can."""


def choose_ports(
    instance: InstanceName,
    ports: Sequence[Port],
    taken: Collection[tuple[str, int]],
    is_free: Callable[[str, int], bool],
) -> tuple[Port, ...]:
    """
    Return the same ports with a host port each.

    :param taken: (protocol, host port) pairs that containers of ours hold, running or not, or that the Engine refused.
    :raises EngineRefused: no free port was found.
    """
    chosen = []
    used = set(taken)
    for port in ports:
        free = (n for n in _candidates(instance, port) if (port.protocol, n) not in used and is_free(port.protocol, n))
        host = next(free, 0)
        if not host:
            raise EngineRefused(f"no free host port between {FIRST} and {LAST} for port {port.container}")
        used.add((port.protocol, host))
        chosen.append(evolve(port, host=host))
    return tuple(chosen)


def with_each_protocol(ports: Iterable[int]) -> set[tuple[str, int]]:
    """Return (protocol, host port) pairs of ports that the Engine refused, for it does not say of which protocol."""
    return {(protocol, port) for protocol in _PROTOCOLS for port in ports}


def check_fixed(
    ports: Iterable[Port], held: Mapping[tuple[str, int], str], is_free: Callable[[str, int], bool]
) -> None:
    """
    Check that the host ports that a definition fixes are free here.

    :param held: (protocol, host port) pairs that it cannot have, with the reasons.
    :raises EngineRefused: one is not.
    """
    for port in ports:
        key = port.protocol, port.host
        reason = held.get(key, "" if is_free(*key) else "another program has it")
        if reason:
            raise EngineRefused(f"host port {port.host}/{port.protocol} is not free on this node: {reason}")


def _candidates(instance: InstanceName, port: Port) -> Iterator[int]:
    if port.host:
        yield port.host
    seed = hashlib.blake2b(f"{port.container}/{port.protocol} {instance}".encode(), digest_size=8).digest()
    start = int.from_bytes(seed, "big")
    for step in range(_TRIES):
        yield FIRST + (start + step * 7919) % (LAST - FIRST + 1)


def bound_to(published: Iterable[str], own: Collection[str]) -> tuple[str, ...]:
    """
    Return the addresses to publish ports on: those of ``published`` that this host has. Behind a router that translates
    addresses it may have none of them; then there are none to choose, which means all.
    """
    return tuple(address for address in published if address in own)


def is_free(
    protocol: str,
    port: int,
    addresses: Collection[str] = (),
    sockets: Callable[[int, int, int], socket.socket] = socket.socket,
) -> bool:
    """
    Return whether a port of the host can be bound right now as the Engine would: on each of the addresses, or without
    any on all of both families.

    :raises EngineRefused: the kernel does not know the protocol, so the Engine cannot publish any port of it.
    """
    probed = partial(_is_taken, protocol, port, sockets)
    return not any(probed(address) for address in addresses or ("0.0.0.0", "::"))


def _is_taken(protocol: str, port: int, sockets: Callable[[int, int, int], socket.socket], address: str) -> bool:
    """Return whether a port is taken; a failure for another reason (a host without IPv6) does not count."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind, number = _PROTOCOLS[protocol]
    try:
        with sockets(family, kind, number) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, protocol == "tcp")
            if family is socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, True)
            probe.bind((address, port))
    except OSError as error:
        if error.errno in _UNKNOWN:
            raise EngineRefused(_NO_PROTOCOL.format(protocol)) from None
        return error.errno == errno.EADDRINUSE or (error.errno == errno.EACCES and port >= _UNPRIVILEGED)
    return False
