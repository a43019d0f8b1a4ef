"""
An HTTP site for reading, which whoever reaches it cannot make large or keep busy.

Note [One short request for each connection]
    twisted.web keeps the whole body of a request before it looks at the method: in memory up to 100,000 octets, beyond
    that in a file that grows until the disk is full. Nothing here takes a body, so a request that announces one is
    answered when its header is there, and whatever follows is dropped unread. Each connection carries one request and
    is aborted after ``LIFETIME``, however it trickles in and however slowly the answer is read. When there are
    ``MOST_CONNECTIONS`` the oldest gives way, so that idle ones keep nobody out.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from twisted.web.server import Site

LIFETIME = 10.0
"""Seconds from the start of a connection to its end, at most."""

MOST_CONNECTIONS = 32

# ruff: noqa: N802  methods of Twisted's are overridden
_REFUSAL = b"HTTP/1.1 %b\r\nConnection: close\r\nAllow: GET, HEAD\r\nContent-Length: 0\r\n\r\n"


class BoundedChannel(HTTPChannel):
    """One connection. See Note [One short request for each connection]."""

    site: BoundedSite
    transport: Any
    totalHeadersSize = 16384  # noqa: N815
    maxHeaders = 100  # noqa: N815
    MAX_LENGTH = 4096
    """Octets of a line. Python makes no number of more than 4,300 digits, which a Content-Length might have."""
    _end: IDelayedCall | None = None
    _over = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self._end = self.callLater(LIFETIME, self.abort)
        self.site.opened(self)

    def abort(self) -> None:
        """Close it without waiting for a client that does not read."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._end is not None and self._end.active():
            self._end.cancel()
        self.site.closed(self)
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        if not self._over:
            super().dataReceived(data)

    def rawDataReceived(self, data: bytes) -> None:
        """Drop what came behind the header of a request that was refused."""

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        return False

    def allHeadersReceived(self) -> None:
        if self._command not in (b"GET", b"HEAD"):
            self._refuse(b"405 Method Not Allowed")
        elif self.length != 0:  # None is a body in chunks
            self._refuse(b"413 Content Too Large")
        else:
            super().allHeadersReceived()

    def allContentReceived(self) -> None:
        if not self._over:
            super().allContentReceived()

    def loseConnection(self) -> None:
        """Also called by twisted.web, after a request that it cannot read: nothing more is read of this client."""
        self._over = True
        super().loseConnection()

    def _refuse(self, status: bytes) -> None:
        self._over = True
        self.transport.write(_REFUSAL % status)
        self.loseConnection()


class BoundedSite(Site):
    """
    A site of ``BoundedChannel``. It writes no line for a request, which would carry the monotonic time of our reactor
    as its date, and none for its own start and end.
    """

    noisy = False
    protocol = BoundedChannel  # type: ignore[assignment]  # declared as what also speaks HTTP/2
    _open: dict[BoundedChannel, None]

    def startFactory(self) -> None:
        self._open = {}
        super().startFactory()

    def opened(self, channel: BoundedChannel) -> None:
        """A connection was made: the oldest gives way if there are too many."""
        self._open[channel] = None
        if len(self._open) > MOST_CONNECTIONS:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.abort()

    def closed(self, channel: BoundedChannel) -> None:
        """A connection ended."""
        self._open.pop(channel, None)

    def log(self, request: Request) -> None:
        pass
