"""One connection of a ``StrictClient``, with at most one request under way."""

from __future__ import annotations

from typing import Any
from typing import Protocol as Seam

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.python.failure import Failure

from tests.rig.strict_client import Target

BODY = b"x" * 500


class Owner(Seam):
    """The object that has requests sent, and is called with their results."""

    reactor: Any
    limit: float

    def now(self) -> float: ...

    def idle(self, connection: Connection) -> None:
        """It may be used again."""

    def ended(self, seconds: float, lost: str) -> None:
        """A request was answered after so many seconds, or lost for this reason."""


def read_status(data: bytes) -> tuple[int, bool]:
    """The status of an answer that is there whole, 0 before, and whether its connection may be used again."""
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        return 0, False
    status = int(head[9:12])
    if status < 200:
        return read_status(body)
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n")[1:])
    fields = {name: value.strip() for name, _, value in lines}
    kept = fields.get(b"connection") != b"close"
    if fields.get(b"transfer-encoding") == b"chunked":
        return (status, kept) if body.endswith(b"0\r\n\r\n") else (0, kept)
    if status in (204, 304):
        return status, kept
    return (status, kept) if len(body) >= int(fields.get(b"content-length", b"1000000")) else (0, kept)


class Connection(Protocol):
    """One connection, with at most one request under way."""

    def __init__(self, owner: Owner, target: Target, kept: bool) -> None:
        self._owner, self.target, self._kept = owner, target, kept
        self._received = b""
        self._asked: tuple[str, float] | None = None
        self._timeout: Any = None
        self.method = ""
        self.over = False
        self.idle_since = 0.0

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]
        self._write()

    def begin(self, method: str) -> None:
        """Take a request over; it is sent at once, or when the connection is there."""
        self.method = method
        self._asked = (f"{method} on a {'kept' if self._kept else 'new'} connection", self._owner.now())
        self._timeout = self._owner.reactor.callLater(self._owner.limit, self._late)
        if self.transport is not None:
            self._write()

    def _write(self) -> None:
        assert self.transport is not None
        body = BODY if self.method == "POST" else b""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        close = "" if self._kept else "Connection: close\r\n"
        target = self.target
        head = f"{self.method} {target.path} HTTP/1.1\r\nHost: {target.host_name}\r\n{length}{close}\r\n"
        self.transport.write(head.encode() + body)

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        status, reusable = read_status(self._received)
        if status == 0 or self._asked is None:
            return
        lines = self._received.decode("latin-1").split("\r\n\r\n")[-1].splitlines()
        self._received = b""
        self._end(": ".join([f"status {status}", *lines[:1]]) if status >= 400 else "")
        if self._kept and reusable:
            self._owner.idle(self)
        else:
            self.close()

    def close(self) -> None:
        """Use it no more."""
        self.over = True
        self.transport.loseConnection()  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008 - as Twisted has it
        self.failed("connection lost")

    def failed(self, why: str) -> None:
        self.over = True
        if self._asked is not None:
            self._end(why)

    def _late(self) -> None:
        self.failed(f"no answer within {self._owner.limit:g} s")
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]

    def _end(self, why: str) -> None:
        """The request has ended well, or lost for this reason."""
        assert self._asked is not None
        what, begun = self._asked
        self._asked = None
        if self._timeout.active():
            self._timeout.cancel()
        self._owner.ended(self._owner.now() - begun, f"{what}: {why}" if why else "")


class Connecting(ClientFactory):
    """Makes the one connection that it was given."""

    noisy = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def buildProtocol(self, addr: Any) -> Connection:
        return self._connection

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self._connection.failed("no connection")
