# -*- test-case-name: tests.unit.relay.test_vanished -*-
"""
Whether a peer acknowledges what is sent to it: one that vanished does not, and the kernel would find that out late.

Note [Sent, and never acknowledged]
    While something that was sent waits to be acknowledged, the kernel sends it again instead of keepalive probes, and
    gives up after a quarter of an hour. ``TCP_USER_TIMEOUT`` would end that sooner, but also end connections whose peer
    acknowledges everything and has only paused reading. So the kernel is asked every few seconds whether it sends
    something again, and how long ago anything was acknowledged. Of a peer that takes no more, it asks now and then
    whether it does: that two such probes had no answer says the same, and one alone may have been lost on its way.
"""

from __future__ import annotations

import socket
import struct

LONGEST_SILENCE = 90.0
"""Seconds in which a peer acknowledges nothing, although something is sent to it again, until it counts as vanished."""

PROBES = 2
"""Probes without an answer that count like something that is sent again."""

_INFO = struct.Struct("=2x 2B 52x I")
"""``tcpi_retransmits``, ``tcpi_probes`` and ``tcpi_last_ack_recv`` of ``struct tcp_info`` in linux/tcp.h."""


class Overdue:
    """How long the acknowledgement of one peer is overdue; asked every few seconds."""

    def __init__(self) -> None:
        self._since = 0.0

    def seconds(self, connection: socket.socket, now: float) -> float:
        """
        Return for how long something is sent again, or probes have no answer, and nothing is acknowledged.

        :param now: seconds of a clock that never goes back.
        """
        try:
            found = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
        except OSError:  # it has ended
            return 0.0
        again, probes, silent = _INFO.unpack(found)
        if not again and probes < PROBES:
            self._since = now
        return min(now - self._since, float(silent) / 1000)
