"""
A read-only HTTP site whose clients can neither fill its memory nor keep it busy.

Note [One short request for each connection]
    twisted.web keeps the whole body of a request before it examines the method: in memory up to 100,000 octets, beyond
    that in a file that grows until the disk is full. No request here takes a body, so a request that announces one is
    answered when its header is there, and everything after it is dropped unread. Each connection carries one request
    and is aborted after ``LIFETIME``, however slowly the request arrives or the answer is read. When there are
    ``MOST_CONNECTIONS`` the oldest is closed, so that idle ones keep no client out. A resource that answers for longer
    has the connection ``stay``, and bounds by itself how many do. It sends something now and then: a client that
    acknowledges nothing for ``VANISHED`` seconds, because its host is gone, keeps no place of others. The kernel alone
    would wait for a quarter of an hour.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from twisted.web.server import Request as SiteRequest
from twisted.web.server import Site

from daprdockr.runtime.timer import call_off

LIFETIME = 10.0
"""The longest life of a connection, in seconds."""

MOST_CONNECTIONS = 32

VANISHED = 30
"""Seconds without an acknowledgement after which a connection that stays is ended by the kernel."""

# ruff: noqa: N802  methods of Twisted's are overridden
_REFUSAL = b"HTTP/1.1 %b\r\nConnection: close\r\nAllow: GET, HEAD\r\nContent-Length: 0\r\n\r\n"


class BoundedRequest(SiteRequest):
    """One request. To HEAD no body comes back that twisted.web would have to leave out, because it logs that."""

    def render(self, resrc: Any) -> None:
        super().render(_Bodiless(resrc) if self.method == b"HEAD" else resrc)


class _Bodiless:
    """A resource that answers with the header alone, in which the length of the body is."""

    def __init__(self, resource: Any) -> None:
        self._resource = resource

    def render(self, request: Request) -> bytes | int:
        body: bytes | int = self._resource.render(request)
        if not isinstance(body, bytes):
            return body
        request.setHeader(b"content-length", b"%d" % len(body))
        return b""


class BoundedChannel(HTTPChannel):
    """One connection. See Note [One short request for each connection]."""

    site: BoundedSite
    transport: Any
    totalHeadersSize = 16384  # noqa: N815
    maxHeaders = 100  # noqa: N815
    MAX_LENGTH = 4096
    """Octets of a line. Python converts no number of more than 4,300 digits, which a Content-Length might have."""
    _end: IDelayedCall | None = None
    _over = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self._end = self.callLater(LIFETIME, self.abort)
        self.site.opened(self)

    def abort(self) -> None:
        """Close it without waiting for a client that does not read."""
        self.transport.abortConnection()

    def stay(self) -> None:
        """Stay open until the resource or the client ends it. See Note [One short request for each connection]."""
        call_off(self._end)
        self.site.closed(self)
        with suppress(OSError):  # it has ended already
            self.transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * VANISHED)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        call_off(self._end)
        self.site.closed(self)
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        if not self._over:
            super().dataReceived(data)

    def rawDataReceived(self, data: bytes) -> None:
        """Drop everything behind the header of a request that was refused."""

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        return False

    def allHeadersReceived(self) -> None:
        if self._command not in (b"GET", b"HEAD"):
            self._refuse(b"405 Method Not Allowed")
        elif self.length != 0:  # None: a body in chunks
            self._refuse(b"413 Content Too Large")
        else:
            super().allHeadersReceived()

    def allContentReceived(self) -> None:
        if not self._over:
            super().allContentReceived()

    def loseConnection(self) -> None:
        """
        Close; also called by twisted.web, after a request that it cannot read: nothing more is read of this client.
        """
        self._over = True
        super().loseConnection()

    def _refuse(self, status: bytes) -> None:
        self._over = True
        self.transport.write(_REFUSAL % status)
        self.loseConnection()


class BoundedSite(Site):
    """
    A site of ``BoundedChannel``. It logs no line for a request, which would carry the monotonic time of our reactor as
    its date, and none for its own start and end.
    """

    noisy = False
    protocol = BoundedChannel  # type: ignore[assignment]  # declared as what also speaks HTTP/2
    requestFactory = BoundedRequest  # noqa: N815
    _open: dict[BoundedChannel, None]

    def startFactory(self) -> None:
        # That of twisted.web is not called: it makes the date of log lines anew each second, whether or not one comes.
        self._open = {}

    def opened(self, channel: BoundedChannel) -> None:
        """Add a connection; if there are too many the oldest is closed."""
        self._open[channel] = None
        if len(self._open) > MOST_CONNECTIONS:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.abort()

    def closed(self, channel: BoundedChannel) -> None:
        """Remove a connection that ended."""
        self._open.pop(channel, None)

    def log(self, request: Request) -> None:
        pass
