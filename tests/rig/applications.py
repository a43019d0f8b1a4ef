"""
Web applications as people run them, in containers of one agent: gunicorn with ``wsgi_app``, uvicorn with ``asgi_app``.

Requests go through the agent's nginx.
"""

from __future__ import annotations

import atexit
import http.client
import json
import socket
from collections.abc import Mapping
from functools import cache
from typing import Any

from attrs import frozen

from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url
from tests.rig.etcd_members import shared
from tests.rig.python_container import ALLOW, PORT, python_container

WSGI, ASGI = "wsgi.test", "asgi.test"
"""Their host names."""

MOST_HEADERS = 65536
"""The size in octets that both servers accept by these options; it is more than their defaults."""

_GUNICORN_OPTIONS = ("--bind", f"0.0.0.0:{PORT}", "--threads", "4", "--limit-request-field_size", str(MOST_HEADERS))
_UVICORN_OPTIONS = ("--host", "0.0.0.0", "--port", str(PORT), "--h11-max-incomplete-event-size", str(MOST_HEADERS))
GUNICORN = ("-m", "gunicorn", *_GUNICORN_OPTIONS, "tests.rig.wsgi_app:application")
UVICORN = ("-m", "uvicorn", *_UVICORN_OPTIONS, "tests.rig.asgi_app:application")
LIMIT = 60.0
"""Seconds that an answer may take, on however slow a machine."""

HOLD = 20.0
"""Seconds that a request waits for an instance, at most; on a busy machine good instances fail checks, too."""

CHECKED = {"Type": "http", "Path": "/health", "Interval": 0.5, "Timeout": 1, "Retries": 100}
"""None is started anew for its checks: on a busy machine, or stopped by a test, a good instance may fail many."""


@frozen
class Reply:
    """An answer; ``status`` is 0 where there was none, ``large`` the length of the header that ``/large`` answers."""

    status: int
    body: bytes = b""
    large: int = 0

    @property
    def seen(self) -> dict[str, Any]:
        """The request as the application received it."""
        return dict(json.loads(self.body))


class Applications:
    """The agent and its two services. ``start`` it, ``close`` it."""

    def __init__(self) -> None:
        self.agent = AgentProcess(shared().urls, engine_url(), *ALLOW)
        self.wsgi, self.asgi = (f"{name}.{self.agent.group}" for name in ("wsgi", "asgi"))

    def start(self) -> None:
        self.agent.start()
        self.scale(self.wsgi, 2)
        self.scale(self.asgi, 3)

    def close(self) -> None:
        self.agent.close()

    def scale(self, service: str, instances: int, hold: float = HOLD, checked: Mapping[str, Any] = CHECKED) -> None:
        """Have so many instances, and wait until they run."""
        container = python_container(*(GUNICORN if service == self.wsgi else UVICORN))
        http = {"HostName": WSGI if service == self.wsgi else ASGI, "ContainerPort": str(PORT), "Hold": hold}
        self.agent.define(service, instances, container["Image"], Container=container, Http=http, Health=dict(checked))

    def ask(
        self, host: str, path: str = "/", method: str = "GET", body: Any = None, headers: Mapping[str, str] = {}
    ) -> Reply:
        """One request on a connection of its own; a body without a length goes in chunks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.agent.http_port, timeout=LIMIT)
        try:
            connection.request(method, path, body, {"Host": host, **headers})
            response = connection.getresponse()
            return Reply(response.status, response.read(), len(response.getheader("X-Large", "")))
        except (OSError, http.client.HTTPException):
            return Reply(0)
        finally:
            connection.close()

    def speak(self, head: str) -> socket.socket:
        """A connection on which these lines were sent."""
        connection = socket.create_connection(("127.0.0.1", self.agent.http_port), LIMIT)
        connection.sendall(head.encode() + b"\r\n\r\n")
        return connection


@cache
def applications() -> Applications:
    """Those that the tests of one process share; they are started once, which takes some seconds."""
    found = Applications()
    atexit.register(found.close)
    found.start()
    return found
