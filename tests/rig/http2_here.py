"""A client that speaks HTTP/2 frame by frame, for what no ordinary client does."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from typing import Self

from tests.rig.nginx_here import LIMIT

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS = 0, 1, 3, 4
END_STREAM, END_HEADERS = 1, 4
CANCEL = (8).to_bytes(4, "big")


class Http2Client:
    """Blocking: it belongs into a thread. Its requests have the odd streams from 1 on, in their order."""

    def __init__(self, port: int, host_name: str) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        self._stream = context.wrap_socket(plain, server_hostname=host_name)
        self._stream.sendall(PREFACE + _frame(SETTINGS, 0, 0))
        self._host_name = host_name
        self._next = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> int:
        """Send a request; returns its stream."""
        number, self._next = self._next, self._next + 2
        said = {":method": method, ":path": path, ":scheme": "https", ":authority": self._host_name, **(headers or {})}
        block = b"".join(b"\0" + _text(name) + _text(value) for name, value in said.items())
        head = _frame(HEADERS, END_HEADERS if body else END_HEADERS | END_STREAM, number, block)
        self._stream.sendall(head + (_frame(DATA, END_STREAM, number, body) if body else b""))
        return number

    def cancel(self, number: int) -> None:
        self._stream.sendall(_frame(RESET, 0, number, CANCEL))

    def body(self, number: int) -> bytes:
        """The body of the answer on this stream, to its end, and none that is reset. Frames of others are skipped."""
        found = b""
        while True:
            kind, flags, of_stream, payload = self._frame()
            if of_stream == number and kind == RESET:
                raise ConnectionError(f"nginx reset the stream behind {found!r}")
            if of_stream == number and kind in (DATA, HEADERS):
                found += payload if kind == DATA else b""
                if flags & END_STREAM:
                    return found

    def _frame(self) -> tuple[int, int, int, bytes]:
        head = self._exactly(9)
        payload = self._exactly(int.from_bytes(head[:3], "big"))
        return head[3], head[4], int.from_bytes(head[5:], "big"), payload

    def _exactly(self, length: int) -> bytes:
        found = b""
        while len(found) < length:
            part = self._stream.recv(length - len(found))
            if not part:
                raise ConnectionError("nginx ended the connection")
            found += part
        return found


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _text(text: str) -> bytes:
    """A text of less than 127 bytes as it stands in a block of headers, neither compressed nor indexed (RFC 7541)."""
    return bytes((len(text),)) + text.encode()
