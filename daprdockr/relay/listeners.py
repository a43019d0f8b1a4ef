"""
The ports that are listened to: opened and closed as the routes say, each by itself.

Note [A port that is taken]
    Each address and port is bound by itself, so one that another program holds harms no other. It is tried again every
    ``RETRY`` seconds, and ``troubles`` names it meanwhile. A host without IPv6 has no ``::1``, which is no trouble.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import Protocol

from daprdockr.relay.choosing import Choice
from daprdockr.relay.datagrams import DatagramPort, UdpSessions
from daprdockr.relay.message import PortKey, RelayState
from daprdockr.relay.streams import ClientCount, ClientSide

RETRY = 10.0
"""Seconds between two attempts to bind a port that is taken."""

BACKLOG = 1024
_NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class Closable(Protocol):
    def close(self) -> None: ...


class Listeners:
    """:param clients: counts TCP connections. :param sessions: holds the clients of UDP."""

    def __init__(self, clients: ClientCount, sessions: UdpSessions) -> None:
        self._clients = clients
        self._sessions = sessions
        self._choices: dict[PortKey, Choice] = {}
        self._open: dict[tuple[PortKey, str], Closable] = {}
        self._addresses: tuple[str, ...] = ()
        self._changing = asyncio.Lock()
        self.troubles: dict[PortKey, str] = {}

    async def take(self, state: RelayState) -> None:
        """Listen on these ports and no others. Connections that exist are left alone."""
        clock = asyncio.get_running_loop().time
        async with self._changing:
            self._addresses = state.addresses
            routes = {(route.protocol, route.port): route for route in state.routes}
            for key in self._choices.keys() - routes.keys():
                del self._choices[key]
            for key, route in routes.items():
                self._choices.setdefault(key, Choice(route, clock)).take(route)
            for key, address in list(self._open):
                if key not in routes or address not in self._addresses:
                    self._open.pop((key, address)).close()
            await self._bind()

    async def retry(self) -> None:
        """Try again to bind what is not bound."""
        if self.troubles:
            async with self._changing:
                await self._bind()

    async def _bind(self) -> None:
        troubles: dict[PortKey, str] = {}  # taken over whole: somebody may read them while ports are bound
        for key, choice in self._choices.items():
            for address in self._addresses:
                if (key, address) in self._open:
                    continue
                try:
                    await self._listen(key, choice, address)
                except OSError as error:
                    if not (address == "::1" and error.errno in _NO_SUCH_ADDRESS):
                        troubles.setdefault(key, f"{_written(address, key[1])}: {_reason(error)}")
        self.troubles = troubles

    async def _listen(self, key: PortKey, choice: Choice, address: str) -> None:
        """:raises OSError: it cannot be bound."""
        bound = _bound(key, address)
        if key[0] == "udp":
            self._open[key, address] = DatagramPort(self._sessions, choice, bound)
            return
        bound.listen(BACKLOG)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: ClientSide(self._clients, choice), sock=bound, backlog=BACKLOG, start_serving=False
        )
        # before the loop goes on: a request that takes too long may be given up there, and its ports are open
        self._open[key, address] = server
        await server.start_serving()

    def close(self) -> None:
        for one in self._open.values():
            one.close()
        self._open = {}


def _bound(key: PortKey, address: str) -> socket.socket:
    protocol, port = key
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    own = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    try:
        own.setblocking(False)
        if protocol == "tcp":  # or connections that just ended would keep the port
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if own.family == socket.AF_INET6:
            own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        own.bind((address, port))
    except OSError:
        own.close()
        raise
    return own


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program holds it"
    return os.strerror(error.errno) if error.errno else str(error)[:100]


def _written(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
