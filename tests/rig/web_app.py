"""
A little web service of a process of its own, which needs nothing but Python: for containers (``in_containers``).

    python -m tests.rig.web_app PORT [--on-term die|ignore|finish] [--takes SECONDS]

It answers every request with the instance it is, from the variable DAPRDOCKR_INSTANCE, and how many octets of a body it
got. It keeps connections, and sends back each message of a websocket. TERM ends it at once, or not at all, or when it
has answered what it was asked.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import functools
import hashlib
import os
import signal
from collections.abc import Callable, Sequence

INSTANCE = os.environ.get("DAPRDOCKR_INSTANCE", "")
MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""


def read_head(data: bytes) -> tuple[str, dict[str, str], bytes] | None:
    """The first line of a request, its headers, and what follows them; None while they are not there whole."""
    head, blank, rest = data.partition(b"\r\n\r\n")
    if not blank:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines)
    return first, {name.lower(): value.strip() for name, _, value in fields}, rest


def read_message(data: bytes) -> tuple[int, bytes, bytes] | None:
    """The kind of a masked frame, its content, and what follows (RFC 6455, section 5.2); None while it is not whole."""
    if len(data) < 2:
        return None
    length, begin = data[1] & 0x7F, 2
    if length >= 126:
        size = 2 if length == 126 else 8
        begin += size
        length = int.from_bytes(data[2:begin], "big")
    mask, content = data[begin : begin + 4], data[begin + 4 : begin + 4 + length]
    if len(mask) < 4 or len(content) < length:
        return None
    return data[0] & 0x0F, bytes(x ^ mask[i % 4] for i, x in enumerate(content)), data[begin + 4 + length :]


def frame(kind: int, content: bytes) -> bytes:
    """A frame of a server, of less than 126 octets."""
    return bytes([0x80 | kind, len(content)]) + content


class Open:
    """The open connections of the service, which ends with the last of them once it is to finish."""

    def __init__(self, takes: float) -> None:
        self.takes = takes
        self.finishing = False
        self.over = asyncio.Event()
        self._connections: set[Answering] = set()

    def add(self, connection: Answering) -> None:
        self._connections.add(connection)

    def discard(self, connection: Answering) -> None:
        self._connections.discard(connection)
        self._end_with_last()

    def finish(self) -> None:
        """Answer what was asked, and take no more."""
        self.finishing = True
        for connection in tuple(self._connections):
            connection.finish()
        self._end_with_last()

    def _end_with_last(self) -> None:
        if self.finishing and not self._connections:
            self.over.set()


class Answering(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, open_: Open) -> None:
        self._open = open_
        self._data = b""
        self._asked = 0
        self._read: Callable[[], bool] = self._read_request

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)

    def finish(self) -> None:
        """Close the connection, after the answers that are still due."""
        if not self._asked:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        self._data += data
        while self._read():
            pass

    def _read_request(self) -> bool:
        """Whether a request was there whole, and answered."""
        found = read_head(self._data)
        if found is None:
            return False
        _, fields, rest = found
        length = int(fields.get("content-length", "0"))
        if len(rest) < length:
            return False
        self._data = rest[length:]
        if fields.get("upgrade", "").lower() == "websocket":
            self._upgrade(fields.get("sec-websocket-key", ""))
        else:
            self._asked += 1
            answer = functools.partial(self._answer, f"{INSTANCE} {length}\n", fields.get("connection") == "close")
            if self._open.takes:
                asyncio.get_running_loop().call_later(self._open.takes, answer)
            else:
                answer()
        return True

    def _answer(self, text: str, asked_to_close: bool) -> None:
        self._asked -= 1
        last = asked_to_close or (self._open.finishing and not self._asked)
        lines = [
            "HTTP/1.1 200 OK",
            "Content-Type: text/plain",
            f"X-Instance: {INSTANCE}",
            f"Content-Length: {len(text)}",
        ]
        lines += ["Connection: close"] if last else []
        self.transport.write("\r\n".join([*lines, "", text]).encode())
        if last:
            self.transport.close()

    def _upgrade(self, key: str) -> None:
        accept = base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()
        head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.transport.write(f"{head}Sec-WebSocket-Accept: {accept}\r\nX-Instance: {INSTANCE}\r\n\r\n".encode())
        self._read = self._read_echoed

    def _read_echoed(self) -> bool:
        """Whether a message was there whole, and sent back."""
        found = read_message(self._data)
        if found is None:
            return False
        kind, content, self._data = found
        self.transport.write(frame(kind, content))
        if kind == 8:  # close
            self.transport.close()
        return True


async def serve(port: int, on_term: str, takes: float = 0.0) -> None:
    """:param takes: seconds from a request to its answer."""
    loop, open_ = asyncio.get_running_loop(), Open(takes)
    server = await loop.create_server(lambda: Answering(open_), "0.0.0.0", port, backlog=1000)

    def finish() -> None:
        server.close()
        open_.finish()

    reactions: dict[str, Callable[[], object]] = {"die": lambda: os._exit(0), "ignore": lambda: None, "finish": finish}
    loop.add_signal_handler(signal.SIGTERM, reactions[on_term])
    await open_.over.wait()


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="web_app")
    parser.add_argument("port", type=int)
    parser.add_argument("--on-term", choices=("die", "ignore", "finish"), default="die")
    parser.add_argument("--takes", type=float, default=0.0)
    options = parser.parse_args(words)
    asyncio.run(serve(options.port, options.on_term, options.takes))


if __name__ == "__main__":
    main()
