"""A connection in memory that knows all ways to close, as those of TCP do."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from twisted.internet.testing import StringTransport

# ruff: noqa: N802  names of Twisted's


class Options(dict[tuple[int, int], int]):
    """The options of a socket that is none."""

    def setsockopt(self, level: int, option: int, value: int) -> None:
        self[level, option] = value


VANISHED = 120.0
"""Seconds after which a side that vanished in silence is known to be gone."""


def silence(options: Mapping[tuple[int, int], int]) -> float:
    """Return after how many seconds the kernel counts a silent other side as lost; infinite if it asks nothing."""
    if not options.get((socket.SOL_SOCKET, socket.SO_KEEPALIVE)):
        return float("inf")
    idle, interval, count = (
        options.get((socket.IPPROTO_TCP, option), usual)
        for option, usual in ((socket.TCP_KEEPIDLE, 7200), (socket.TCP_KEEPINTVL, 75), (socket.TCP_KEEPCNT, 9))
    )
    return idle + interval * count


class Wire(StringTransport):
    """``aborted`` says whether it was closed at once, ``ended`` whether one direction was; ``socket`` has options."""

    aborted = False
    ended = False

    def __init__(self) -> None:
        super().__init__()
        self.socket = Options()

    def getHandle(self) -> None:
        """It shows no certificate."""

    def abortConnection(self) -> None:
        self.aborted = True

    def loseWriteConnection(self) -> None:
        self.ended = True

    def setTcpKeepAlive(self, on: int) -> None:
        self.socket[socket.SOL_SOCKET, socket.SO_KEEPALIVE] = on
