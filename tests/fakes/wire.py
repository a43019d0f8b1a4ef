"""A connection in memory that knows all ways to close, as those of TCP do."""

from __future__ import annotations

from twisted.internet.testing import StringTransport

# ruff: noqa: N802  names of Twisted's


class Wire(StringTransport):
    """``aborted`` says whether it was closed at once, ``ended`` whether one direction was, ``kept_alive`` likewise."""

    aborted = False
    ended = False
    kept_alive = False

    def getHandle(self) -> None:
        """It shows no certificate."""

    def abortConnection(self) -> None:
        self.aborted = True

    def loseWriteConnection(self) -> None:
        self.ended = True

    def setTcpKeepAlive(self, on: int) -> None:
        self.kept_alive = bool(on)
