"""A real nginx on free loopback ports, two little services behind it, and a client, for the tests of the proxy."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import treq
from attrs import evolve, frozen
from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase
from twisted.web.client import Agent, HTTPConnectionPool, ResponseFailed
from twisted.web.resource import Resource
from twisted.web.server import Site

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.proxy.configuration import HttpListener
from daprdockr.proxy.nginx import Nginx
from daprdockr.proxy.program import NginxProgram
from daprdockr.proxy.routes import Route, Upstream
from daprdockr.proxy.surroundings import settings_here
from tests.build.ports import free_port

WEB = ServiceName(group="shop", service="web")
ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath)}
LIMIT = 40.0
"""Seconds that a client waits for a connection, and for an answer, on however slow a machine."""


def need_nginx() -> None:
    """Skip where nginx is not installed, unless this is CI, which has to have it."""
    if shutil.which("nginx") is None and not os.environ.get("CI"):
        raise SkipTest("nginx is not installed")


def running(pid: int) -> bool:
    """Whether the process is there; a zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def group_of(pid: int) -> list[int]:
    """The living processes in the group that ``pid`` leads."""
    found = []
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if os.getpgid(int(entry)) == pid and running(int(entry)):
                found.append(int(entry))
        except ProcessLookupError:
            continue
    return found


async def until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait for what gives no event; fails after ``seconds``. The condition may be asynchronous."""
    deadline = reactor.seconds() + seconds
    while True:
        met = condition()
        if await met if isinstance(met, Awaitable) else met:
            return
        if reactor.seconds() > deadline:
            raise AssertionError(f"did not come true within {seconds} s: {condition}")
        await deferLater(reactor, 0.02)


@frozen
class Answer:
    code: int
    headers: dict[str, str]
    text: str

    @property
    def seen(self) -> dict[str, Any]:
        """The request as the service behind nginx received it."""
        seen: dict[str, Any] = json.loads(self.text)
        return seen


class Echo(Resource):
    """Answers what it saw of a request, as JSON."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def render(self, request: Any) -> bytes:
        seen = {
            "name": self.name,
            "method": request.method.decode(),
            "path": request.uri.decode(),
            "body": len(request.content.read()),
            "client_port": request.client.port,
            "headers": {
                key.decode().lower(): [value.decode() for value in values]
                for key, values in request.requestHeaders.getAllRawHeaders()
            },
        }
        return json.dumps(seen).encode()


class NginxTestCase(TestCase):
    """Each test has a state directory and a port of its own; what it starts is gone after it."""

    timeout = 90

    def setUp(self) -> None:
        need_nginx()
        # Not trial's directory: its path would be too long for a unix socket.
        self.directory = Path(tempfile.mkdtemp(prefix="dapr-nginx-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.port = free_port()
        pool = HTTPConnectionPool(reactor, persistent=False)
        self.client = HTTPClient(Agent(reactor, pool=pool, connectTimeout=LIMIT))

    def nginx(self, **changes: Any) -> Nginx:
        """An nginx that is ended after the test; not started."""
        listeners = [HttpListener("127.0.0.1", changes.pop("port", self.port)), *changes.pop("listeners", ())]
        of_settings = {name: changes.pop(name) for name in ("clients", "pages", "access_log", "tls") if name in changes}
        settings = evolve(settings_here(self.directory, listeners, **of_settings), **changes.pop("settings", {}))
        program = NginxProgram(
            path=changes.pop("path", "nginx"), environment=changes.pop("environment", ENVIRONMENT), reactor=reactor
        )
        options = {"leave_running": False} | changes
        nginx = Nginx(program=program, settings=settings, reactor=reactor, run=deferToThread, **options)
        self.addCleanup(self.end, nginx)
        return nginx

    async def started(self, *routes: Route, **changes: Any) -> Nginx:
        """An nginx that serves these routes."""
        nginx = self.nginx(**changes)
        nginx.startService()
        await self.published(nginx, *routes)
        return nginx

    async def published(self, nginx: Nginx, *routes: Route) -> None:
        """Publish and wait until they are served."""
        before = nginx.status.changes
        nginx.door.publish(routes)
        await until(lambda: nginx.status.changes > before)

    async def until_held(self, nginx: Nginx, requests: int) -> None:
        """Wait until so many requests wait in nginx, however long they take to get there."""

        async def are_held() -> bool:
            return (await nginx.door.counts())["held"] == requests

        await until(are_held)

    async def end(self, nginx: Nginx) -> None:
        """Stop the service, and what it leaves."""
        pid = nginx.pid
        if nginx.running:
            await nginx.stopService()
        if pid is not None and group_of(pid):
            os.killpg(pid, signal.SIGKILL)
            await until(lambda: not group_of(pid))

    def upstream(self, number: int = 1, service: ServiceName = WEB, resource: Resource | None = None) -> Upstream:
        """A little service on a free port, in this process."""
        site = Site(resource or Echo(f"{number}.{service}"))
        return Upstream(InstanceName(service, number), "127.0.0.1", self.listen(site))

    def listen(self, factory: Any) -> int:
        """Serve on a free port until the test ends; returns the port."""
        listening: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        port: int = listening.getHost().port
        return port

    async def get(self, host: str, path: str = "/", port: int = 0, method: str = "GET", **kwargs: Any) -> Answer:
        """One request on a connection of its own."""
        headers = {"Host": host} | kwargs.pop("headers", {})
        url = f"http://127.0.0.1:{port or self.port}{path}"
        response = await self.client.request(method, url, headers=headers, timeout=LIMIT, **kwargs)
        text = await treq.text_content(response, "utf-8")
        return Answer(
            response.code,
            {key.decode().lower(): values[0].decode() for key, values in response.headers.getAllRawHeaders()},
            text,
        )

    async def serves(self, host: str, port: int = 0) -> bool:
        """Whether a request for the host name is answered with 200."""
        try:
            return (await self.get(host, port=port)).code == 200
        except (ConnectError, ResponseFailed):
            return False

    def converse(self, payload: bytes, pause_for: bytes, more: bytes = b"", port: int = 0) -> Deferred[bytes]:
        """
        Speak raw bytes to nginx in a thread: send ``payload``, read until ``pause_for`` is in, send ``more``, read to
        the end.
        """
        return deferToThread(_converse, port or self.port, payload, pause_for, more)


def _converse(port: int, payload: bytes, pause_for: bytes, more: bytes) -> bytes:
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as stream:
        # A reset follows an answer to what nginx did not read to its end; what was received before can still be read.
        with contextlib.suppress(ConnectionError):
            stream.sendall(payload)
        with contextlib.suppress(ConnectionError):
            while pause_for not in received and (part := stream.recv(65536)):
                received += part
            if more:
                stream.sendall(more)
            while part := stream.recv(65536):
                received += part
    return received


def route(host_name: str, *upstreams: Upstream, service: ServiceName = WEB) -> Route:
    return Route(host_name, service, upstreams)
