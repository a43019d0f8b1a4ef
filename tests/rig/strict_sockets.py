"""
The websockets of a ``StrictClient``: each sends a message in every second, and expects it back.

They answer pings, as every client does (RFC 6455, section 5.5.2): uvicorn closes a websocket forty seconds after it was
opened whose client does not.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.python.failure import Failure

from tests.rig.strict_client import Target, Wanted

PAUSE = 1.0
"""Seconds between two messages."""

SILENT = 10
"""Messages without an echo after which a websocket counts as cut."""

AGAIN = 0.2
MESSAGE = b"still here?"
TEXT, PING, PONG = 0x81, 0x89, 0x8A
"""The first octets of frames that are whole messages (RFC 6455, section 5.2)."""


def frame(kind: int, payload: bytes) -> bytes:
    """A frame of a client, with a mask of 0."""
    return bytes([kind, 0x80 | len(payload)]) + bytes(4) + payload


def first_frame(received: bytes) -> tuple[int, bytes, bytes] | None:
    """Kind and payload of the first frame of a server, and what follows it; None until it is whole. All are short."""
    if len(received) < 2 or len(received) < 2 + received[1]:
        return None
    end = 2 + received[1]
    return received[0], received[2:end], received[end:]


class Socket(Protocol):
    """One websocket: opened, spoken to until it ends."""

    def __init__(self, sockets: Sockets, target: Target) -> None:
        self._sockets, self.target = sockets, target
        self._received = b""
        self._unanswered = 0
        self.instance = ""
        self.open = False

    def connectionMade(self) -> None:
        assert self.transport is not None
        target = self.target
        self.transport.write(
            f"GET {target.path} HTTP/1.1\r\nHost: {target.host_name}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c3RpbGwgaGVyZT8gb2hubw==\r\n\r\n".encode()
        )

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        if not self.open:
            self._read_head()
        while self.open and (read := first_frame(self._received)):
            kind, payload, self._received = read
            self._take(kind, payload)

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == PING:
            self.transport.write(frame(PONG, payload))  # type: ignore[union-attr]
        elif (kind, payload) == (TEXT, MESSAGE):
            self._unanswered = 0

    def _read_head(self) -> None:
        head, blank, rest = self._received.partition(b"\r\n\r\n")
        if not blank:
            return
        if not head.startswith(b"HTTP/1.1 101 "):
            self.transport.loseConnection()  # type: ignore[union-attr]
            return
        lines = (line.partition(": ") for line in head.decode("latin-1").split("\r\n"))
        self.instance = {name.lower(): value for name, _, value in lines}.get("x-instance", "")
        self.open, self._received = True, rest
        self._speak()

    def _speak(self) -> None:
        if not self.open:
            return
        assert self.transport is not None
        if self._unanswered >= SILENT:
            self.transport.abortConnection()  # type: ignore[attr-defined]
            return
        self._unanswered += 1
        self.transport.write(frame(TEXT, MESSAGE))
        self._sockets.reactor.callLater(PAUSE, self._speak)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008 - as Twisted has it
        self._sockets.ended(self)
        self.open = False


class Opening(ClientFactory):
    """Makes the one connection that it was given."""

    noisy = False

    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    def buildProtocol(self, addr: Any) -> Socket:
        return self._socket

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self._socket.connectionLost()


class Sockets:
    """All of them."""

    def __init__(self, reactor: Any, wanted: Wanted) -> None:
        self.reactor = reactor
        self._wanted = wanted
        self._cut: Counter[str] = Counter()
        self._sockets: list[Socket] = []

    def begin(self) -> None:
        targets = self._wanted.socket_targets or self._wanted.targets
        for number in range(self._wanted.websockets):
            self._open(targets[number % len(targets)])

    def _open(self, target: Target) -> None:
        socket = Socket(self, target)
        self._sockets.append(socket)
        self.reactor.connectTCP(target.address, target.port, Opening(socket))

    def ended(self, socket: Socket) -> None:
        """One has ended, or could not be opened; another one takes its place."""
        if socket.open:
            self._cut[socket.instance] += 1
        self._sockets.remove(socket)
        self.reactor.callLater(AGAIN, self._open, socket.target)

    def take(self) -> tuple[int, dict[str, int]]:
        """How many are open, and those that were cut since the last call."""
        cut, self._cut = self._cut, Counter()
        return sum(socket.open for socket in self._sockets), dict(cut)
