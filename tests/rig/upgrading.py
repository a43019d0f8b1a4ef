"""A service that agrees to become something else than HTTP."""

from __future__ import annotations

from twisted.internet.protocol import Protocol


class Upgrading(Protocol):
    """Agrees to every upgrade, then sends back in capitals what it receives, until it receives ``bye``."""

    def connectionMade(self) -> None:
        self.head = b""
        self.upgraded = False

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        if self.upgraded:
            self.transport.write(data.upper())
            if b"bye" in data:
                self.transport.loseConnection()
            return
        self.head += data
        if b"\r\n\r\n" in self.head:
            self.upgraded = True
            asked = b"yes" if b"Upgrade: websocket\r\nConnection: upgrade" in _connection_headers(self.head) else b"no"
            self.transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                b"X-Asked: " + asked + b"\r\n\r\n"
            )


def _connection_headers(head: bytes) -> bytes:
    wanted = {b"upgrade", b"connection"}
    lines = [line for line in head.split(b"\r\n") if line.partition(b":")[0].lower() in wanted]
    return b"\r\n".join(sorted(lines, reverse=True))
