"""
A Docker Engine as the agent meets it on a bad day: a proxy in front of a real one, which delays or refuses some calls.

    with EngineProxy(engine_url()) as proxy:
        proxy.refuses("POST", r"/containers/[^/]+/start")
        agent = AgentProcess(etcd, proxy.url)

Each connection carries one request, because the Engine is asked to close it; streams pass as they are.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import socketserver
import tempfile
import threading
from pathlib import Path
from types import TracebackType

REFUSAL = b'{"message":"failed to create task for container: no space left on device"}'
_LONGEST_HEAD = 65536


class EngineProxy:
    """In front of the Engine at ``url``; ``seen`` counts the calls that were refused or delayed."""

    def __init__(self, url: str) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="proxy-"))
        self.url = f"unix://{self._home}/engine.sock"
        self.seen = 0
        self._to = url.removeprefix("unix://")
        self._refused: list[re.Pattern[str]] = []
        self._delayed: list[tuple[re.Pattern[str], float]] = []
        self._over = threading.Event()
        self._server = _Server(str(self._home / "engine.sock"), self)

    def __enter__(self) -> EngineProxy:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        shutil.rmtree(self._home, ignore_errors=True)

    def refuses(self, call: str) -> None:
        """Answer calls that match, like ``POST /containers/.*/start``, with status 500, as a host without room does."""
        self._refused.append(_pattern(call))

    def delays(self, call: str, seconds: float) -> None:
        """Pass calls that match so much later."""
        self._delayed.append((_pattern(call), seconds))

    def heals(self) -> None:
        """Pass everything as it comes from now on."""
        self._refused, self._delayed = [], []

    def pass_on(self, client: socket.socket) -> None:
        """Serve one connection."""
        head, body = _head(client)
        call = head.partition(b" HTTP/")[0].decode("ascii", "replace")
        delay = next((seconds for pattern, seconds in self._delayed if pattern.fullmatch(call)), 0.0)
        refused = any(pattern.fullmatch(call) for pattern in self._refused)
        self.seen += bool(delay or refused)
        self._over.wait(delay)
        if refused:
            client.sendall(
                b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nConnection: close\r\n"
                + f"Content-Length: {len(REFUSAL)}\r\n\r\n".encode()
                + REFUSAL
            )
            return
        if head and b"\nupgrade:" not in head.lower():
            head = re.sub(rb"(?im)^connection:.*\r\n", b"", head)[:-2] + b"Connection: close\r\n\r\n"
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self._to)
            engine.sendall(head + body)
            there = threading.Thread(target=_relay, args=(client, engine), daemon=True)
            there.start()
            _relay(engine, client)
            there.join(1)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, path: str, proxy: EngineProxy) -> None:
        self.proxy = proxy
        super().__init__(path, _Connection)


class _Connection(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self.server.proxy.pass_on(self.request)


def _pattern(call: str) -> re.Pattern[str]:
    """The version before the path, and what is asked of it behind, are anything."""
    method, path = call.split(" ")
    return re.compile(rf"{method} (/v[0-9.]+)?{path}(\?.*)?")


def _head(client: socket.socket) -> tuple[bytes, bytes]:
    """The head of a request with its empty line, and what came behind it already."""
    data = b""
    while b"\r\n\r\n" not in data and len(data) < _LONGEST_HEAD:
        more = client.recv(65536)
        if not more:
            return data, b""
        data += more
    head, end, body = data.partition(b"\r\n\r\n")
    return head + end, body


def _relay(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
