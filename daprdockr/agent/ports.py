"""Choosing host ports for a new container: the ones it had, else free ones, in an order that tends to repeat."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterator, Sequence

from attrs import evolve

from daprdockr.model.errors import EngineRefused
from daprdockr.model.host import Port
from daprdockr.model.names import InstanceName

FIRST, LAST = 20_000, 32_767
"""Below Linux's range for outgoing connections (32768 to 60999), which could otherwise hold a port for a moment."""

_TRIES = 200


def choose_ports(
    instance: InstanceName, ports: Sequence[Port], taken: set[tuple[str, int]], is_free: Callable[[str, int], bool]
) -> tuple[Port, ...]:
    """
    The same ports with a host port each.

    :param taken: (protocol, host port) pairs that containers of ours hold, running or not.
    :raises EngineRefused: if no free port is found.
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


def _candidates(instance: InstanceName, port: Port) -> Iterator[int]:
    if port.host:
        yield port.host
    seed = hashlib.blake2b(f"{port.container}/{port.protocol} {instance}".encode(), digest_size=8).digest()
    start = int.from_bytes(seed, "big")
    for step in range(_TRIES):
        yield FIRST + (start + step * 7919) % (LAST - FIRST + 1)


def is_free(protocol: str, port: int) -> bool:
    """Whether a port of the host can be bound right now; sctp is not tried, the Engine will say."""
    kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
    if protocol not in kinds:
        return True
    with socket.socket(socket.AF_INET, kinds[protocol]) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, protocol == "tcp")
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
