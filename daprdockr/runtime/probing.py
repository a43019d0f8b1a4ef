# -*- test-case-name: tests.unit.sessions.test_client,tests.unit.peer.test_listener -*-
"""
The kernel's probes of a connection on which nothing comes: whether the other side is still there.

A host that loses its power, or a network that is cut, ends no connection. Where nothing is sent, and nothing has a
timeout, both sides would wait for the other one: by the kernel's own measure for more than two hours.
"""

from __future__ import annotations

import socket
from contextlib import suppress

from attrs import frozen


@frozen
class Probing:
    """``count`` probes, one each ``interval`` seconds, after ``idle`` seconds of silence."""

    idle: int
    interval: int
    count: int

    @property
    def options(self) -> tuple[tuple[int, int, int], ...]:
        """The options of a socket: the level, the option, and its value."""
        return (
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, self.idle),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, self.interval),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, self.count),
        )

    def begin(self, connection: socket.socket) -> None:
        """Have a connection probed."""
        with suppress(OSError):  # it has ended already
            for option in self.options:
                connection.setsockopt(*option)


OF_ENGINE = Probing(idle=15, interval=5, count=3)
"""For a Docker Engine elsewhere: Note [A cut network] in ``daprdockr.engine.clients``."""

OF_SESSION = Probing(idle=60, interval=15, count=4)
"""For sessions with nodes: a laptop may lose its network for a moment."""
