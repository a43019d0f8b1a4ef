# -*- test-case-name: tests.unit.relay.test_vanished -*-
"""
Whether a peer acknowledges what is sent to it: one that vanished does not, and the kernel would find that out late.

Note [Sent, and never acknowledged]
    While something that was sent waits to be acknowledged, the kernel sends it again instead of keepalive probes, and
    gives up after a quarter of an hour. ``TCP_USER_TIMEOUT`` would end that sooner, but also end connections whose peer
    acknowledges everything and has only paused reading. So the kernel is asked every few seconds whether it sends
    something again, and how long ago anything was acknowledged.
"""

from __future__ import annotations

import socket
import struct

LONGEST_SILENCE = 90.0
"""Seconds in which a peer acknowledges nothing, although something is sent to it again, until it counts as vanished."""

_INFO = struct.Struct("=2x B 53x I")
"""``tcpi_retransmits`` and ``tcpi_last_ack_recv`` of ``struct tcp_info`` in linux/tcp.h."""


class Overdue:
    """How long the acknowledgement of one peer is overdue; asked every few seconds."""

    def __init__(self) -> None:
        self._since = 0.0

    def seconds(self, connection: socket.socket, now: float) -> float:
        """
        Return for how long something is sent again and nothing acknowledged.

        :param now: seconds of a clock that never goes back.
        """
        try:
            again, silent = _INFO.unpack(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size))
        except OSError:  # it has ended
            return 0.0
        if not again:
            self._since = now
        return min(now - self._since, float(silent) / 1000)
