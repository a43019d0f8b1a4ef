"""
Relaying TCP: each connection of a client, and the connection to an instance that belongs to it.

Note [A client waits]
    A client is not read from until an instance took its connection. If one does not, the next one is tried; while there
    is none the client waits, for ``HOLD`` seconds at most. For an instance that was killed and starts again, that is no
    error to anybody. Then the client is reset: the end of a stream could pass for an answer.

Note [Both directions end by themselves]
    The end of what one side sends is passed on as such, and the other direction goes on. A reset is passed on as a
    reset. There is no limit on idle time: databases and message queues keep connections for days. A peer that vanished
    is found within two minutes: by keepalive probes, or see Note [Sent, and never acknowledged] in ``relay.vanished``.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, cast

from daprdockr.relay.choosing import OUR_FAULT, Choice
from daprdockr.relay.held import Held
from daprdockr.relay.message import Destination
from daprdockr.relay.vanished import LONGEST_SILENCE, Overdue

HOLD = 10.0
"""Seconds that a client waits while no instance takes its connection."""

CONNECT = 1.5
"""Seconds for a connection to an instance: a lost SYN is sent again after one."""

_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))


class ClientCount:
    """
    All connections of clients; a route has at most half of ``most``, so that none keeps all others out.

    :ivar hold: seconds that each waits while no instance takes its connection.
    :ivar held: what all of them, and the connections to instances, hold.
    """

    def __init__(self, most: int, hold: float = HOLD) -> None:
        self._most = most
        self.hold = hold
        self.held = Held()
        self._of: Counter[Choice] = Counter()
        self._open: set[ClientSide] = set()
        self._connecting: set[asyncio.Task[None]] = set()

    def opened(self, client: ClientSide, choice: Choice) -> bool:
        """Count a client; return whether there is room for it."""
        self._open.add(client)
        self._of[choice] += 1
        return self._of.total() <= self._most and self._of[choice] <= max(1, self._most // 2)

    def closed(self, client: ClientSide, choice: Choice) -> None:
        self._open.discard(client)
        self._of[choice] -= 1
        if not self._of[choice]:
            del self._of[choice]

    def end_vanished(self, seconds: float = LONGEST_SILENCE) -> None:
        """Reset the connections of which a peer has vanished; to be called every few seconds."""
        now = asyncio.get_running_loop().time()
        for client in list(self._open):
            sides = [side for side in (client, client.other) if side is not None]
            if max([side.overdue(now) for side in sides]) >= seconds:
                for side in sides:
                    side.reset()

    def connect(self, connecting: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(connecting)
        self._connecting.add(task)  # the loop itself keeps no task alive
        task.add_done_callback(self._connecting.discard)


class Side(asyncio.BufferedProtocol):
    """One of two connections; what it gets goes to ``other``: Note [Held for those that do not read] in ``held``."""

    def __init__(self, held: Held, lost: Callable[[], None]) -> None:
        self._held = held
        self._holds = self._sent = 0
        self._lost = lost
        self._ended = False
        self._overdue = Overdue()
        self.other: Side | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=0)
        own = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):  # it has ended already
            own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEPALIVE:
                own.setsockopt(socket.IPPROTO_TCP, option, value)

    @property
    def open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def overdue(self, now: float) -> float:
        """See Note [Sent, and never acknowledged] in ``relay.vanished``."""
        return 0.0 if self.transport is None else self._overdue.seconds(self.transport.get_extra_info("socket"), now)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._held.place()

    def buffer_updated(self, nbytes: int) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.send(self._held.taken(nbytes))

    def send(self, data: bytes) -> None:
        assert self.transport is not None
        self._sent = len(data)
        self.transport.write(data)

    def eof_received(self) -> bool:
        """See Note [Both directions end by themselves]."""
        other = self.other
        if not self._ended and other is not None and other.open and other.transport is not None:
            self._ended = True
            if other._ended:
                self.close()
                other.close()
            else:
                other.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        self._hold(self._sent)
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self._hold(0)
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def _hold(self, size: int) -> None:
        self._held.size += size - self._holds
        self._holds = size

    def connection_lost(self, exc: Exception | None) -> None:
        self._hold(0)
        self._lost()
        if self.other is not None:
            if exc is None:
                self.other.close()
            else:
                self.other.reset()

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def reset(self) -> None:
        """Close it so that the peer learns of an error."""
        if self.transport is not None:
            with contextlib.suppress(OSError):
                linger = struct.pack("ii", 1, 0)
                self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.transport.abort()


class ClientSide(Side):
    """The connection of a client. See Note [A client waits]."""

    def __init__(self, clients: ClientCount, choice: Choice) -> None:
        super().__init__(clients.held, lambda: clients.closed(self, choice))
        self._clients = clients
        self._choice = choice

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._clients.opened(self, self._choice):
            self._clients.connect(self._connect())
        else:
            self.reset()

    async def _connect(self) -> None:
        assert self.transport is not None
        # not in connection_made: Python 3.11.2, that of Debian 12, begins to read after it, paused or not
        self.transport.pause_reading()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._clients.hold
        tried: list[Destination] = []
        while self.open:
            left = deadline - loop.time()
            if left <= 0:
                self.reset()
                return
            destination = self._choice.pick(tried)
            if destination is None:
                await self._choice.changed(min(left, self._choice.pause(len(tried))) if tried else left)
                tried.clear()
            elif await self._try(destination, is_last=len(tried) + 1 >= len(self._choice.route.destinations)):
                return
            else:
                tried.append(destination)

    async def _try(self, destination: Destination, is_last: bool) -> bool:
        """
        Connect to this one; return False if another one is to be tried. If it is the last one, and the node has no port
        left to connect to it from, the client is reset at once: each further attempt would search all ports again.
        """
        choice = self._choice
        other = Side(self._clients.held, lambda: choice.release(destination))
        other.other = self
        try:
            async with asyncio.timeout(CONNECT):
                await asyncio.get_running_loop().create_connection(lambda: other, destination.address, destination.port)
        except (OSError, TimeoutError) as error:
            other.other = None  # it may have been there at the last moment: its end is not the client's
            if other.transport is None:
                choice.release(destination)
            number = getattr(error, "errno", None)
            if number in OUR_FAULT or (is_last and number == errno.EADDRNOTAVAIL):
                self.reset()
                return True
            choice.leave_out(destination, silent=isinstance(error, TimeoutError))
            return False
        choice.took_one()
        self._joined(other)
        return True

    def _joined(self, other: Side) -> None:
        assert self.transport is not None and other.transport is not None
        self.other = other
        if not self.open:
            other.reset()
            return
        if self._choice.route.proxy_protocol:
            other.send(_proxy_line(self.transport))
        self.transport.resume_reading()


def _proxy_line(client: asyncio.Transport) -> bytes:
    """Return the header of the PROXY protocol, version 1 (haproxy.org, proxy-protocol.txt, section 2.1)."""
    source, own = client.get_extra_info("peername"), client.get_extra_info("sockname")
    if not source or not own:  # the client has gone meanwhile
        return b"PROXY UNKNOWN\r\n"
    family = "TCP6" if ":" in source[0] else "TCP4"
    return f"PROXY {family} {source[0]} {own[0]} {source[1]} {own[1]}\r\n".encode("ascii")
