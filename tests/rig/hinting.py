"""A service that sends interim answers (RFC 9110, 15.2) before its answer."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.protocol import Protocol


class Hinting(Protocol):
    """Sends interim answers, and the answer in pieces after them; counts those who are connected."""

    connected = 0
    PIECES = (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 10",
        b"2 Processing\r\n\r\nHTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Le",
        b"ngth: 5\r\n\r\nfi",
        b"nal",
    )

    def connectionMade(self) -> None:
        Hinting.connected += 1

    def connectionLost(self, reason: object = None) -> None:
        Hinting.connected -= 1

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        for number, piece in enumerate(self.PIECES):
            reactor.callLater(0.05 * number, self.transport.write, piece)
