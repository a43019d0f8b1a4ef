"""An Engine behind a real Unix socket that answers as a test says, and keeps the requests that it received."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

from attrs import frozen

from tests.marked import marked

PATIENCE = 20.0


@frozen
class Asked:
    """A request: the path with version and query, and without, and the headers."""

    address: str
    path: str
    headers: Mapping[str, str]


class ScriptedEngine(ThreadingMixIn, UnixStreamServer):
    """
    Answers a path (without version and query) with a status and either bytes or a JSON document. After a status of 101
    the bytes are the stream, and come in one piece with the head.
    """

    daemon_threads = True

    def __init__(self, place: str | tuple[str, int]) -> None:
        super().__init__(place, _Exchange)  # type: ignore[arg-type]  # typeshed has an unnamed socket as a path alone
        self.answers: dict[str, tuple[int, object]] = {"/version": (200, {"ApiVersion": "1.41"})}
        self.asked: list[Asked] = []
        self.silent: set[str] = set()
        self.released = threading.Event()
        self._connections: list[socket.socket] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.append(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """End all connections, as an Engine that dies does."""
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Silence: clients hang up in the middle of answers."""

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


class TcpScriptedEngine(ScriptedEngine):
    """The same at an address of this machine."""

    address_family = socket.AF_INET

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        """As in DOCKER_HOST."""
        host, port = self.socket.getsockname()
        return f"tcp://{host}:{port}"


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedEngine

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *args: Any) -> None:
        """Silence."""

    def _answer(self) -> None:
        path = re.sub(r"^/v1\.\d+", "", self.path.partition("?")[0])
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if path in self.server.silent:
            self.server.released.wait(PATIENCE)
        self.server.asked.append(Asked(address=self.path, path=path, headers=dict(self.headers)))
        status, document = self.server.answers.get(path, (404, {"message": f"No such container: {path}"}))
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        if status == HTTPStatus.SWITCHING_PROTOCOLS:
            self.close_connection = True
            self.wfile.write(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n" + body)
            return
        self.send_response(status)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n")

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 (names of http.server)


def summary(container: str, status: str = "Up 1 second") -> dict[str, Any]:
    networks = {"bridge": {"EndpointID": f"endpoint of {container}"}}
    labels = {"io.daprdockr.node": "n1"}
    return {
        "Id": container,
        "State": "running",
        "Status": status,
        "Labels": labels,
        "NetworkSettings": {"Networks": networks},
    }


def inspected(container: str, instance: str = "1.web.myapp") -> dict[str, Any]:
    return {
        "Id": container,
        "Name": f"/{container}",
        "State": {"Status": "running", "Running": True},
        "Config": {"Labels": marked(container, "n1", instance)},
        "HostConfig": {},
        "NetworkSettings": {},
    }


def event(action: str, container: str, node: str = "n1") -> dict[str, Any]:
    """Return an event as an Engine since API 1.52 reports it."""
    actor = {"ID": container, "Attributes": {"io.daprdockr.node": node}}
    return {"Type": "container", "Action": action, "Actor": actor, "scope": "local", "time": 1}
