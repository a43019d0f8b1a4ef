"""Requests that wait in a real nginx, and whose clients leave it."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from tests.build.ports import free_port
from tests.rig.http2_here import Http2Client
from tests.rig.nginx_here import LIMIT, NginxTestCase, route, until
from tests.rig.tls_here import NAME, TlsTestCase, state_of

MOST_OF_SERVICE = 500
MOST_CHUNKED = 16

REST = f" / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n".encode()
GET = b"GET" + REST + b"\r\n"
UPLOAD = b"POST" + REST + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000
CHUNKED = b"POST" + REST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"


class LeftTests(NginxTestCase):
    """They take no room from others."""

    async def full(self, request: bytes, most: int, *places: Any, **more: Any) -> None:
        """So many clients ask, no other may wait beside them, and one does when they have left."""
        port, begun = free_port(), evolve(route(NAME, *places), hold=20.0, **more)
        nginx = await self.started(begun, port=port, settings={"workers": 1})
        with ExitStack() as leaving:
            for _ in range(most):
                client = leaving.enter_context(socket.create_connection(("127.0.0.1", port), timeout=LIMIT))
                client.sendall(request)
            await self.until_held(nginx, most)
            self.assertIn(b" 503 ", await self.converse(request, b"\r\n", port=port))
        await deferLater(reactor, 1.0)
        with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as client:
            client.sendall(request)
            await self.until_held(nginx, most + 1)

    async def test_at_first(self) -> None:
        """No instance is there."""
        await self.full(GET, MOST_OF_SERVICE)

    async def test_after_a_failure(self) -> None:
        """The instance takes no connection."""
        await self.full(GET, MOST_OF_SERVICE, evolve(self.upstream(), port=9))

    async def test_unread(self) -> None:
        """They sent bodies of which nginx has read nothing yet."""
        await self.full(UPLOAD, MOST_OF_SERVICE)

    async def test_buffered(self) -> None:
        """They sent bodies that nginx has read whole, and that take all its memory for such."""
        await self.full(CHUNKED, MOST_CHUNKED, buffer=True)


class LeftTlsTests(TlsTestCase):
    """Those that spoke TLS, too."""

    async def test_closed(self) -> None:
        """A client by HTTP/1.1 ends its session before its connection, so that there is something to be read."""
        log, waiting = self.directory / "access.log", evolve(route(NAME), hold=20.0)
        await self.served(state_of(unknown=self.default), waiting, access_log=log)
        for version in ("--http1.1", "--http2"):
            await self.curl(version, "--max-time", "1")
        await until(lambda: log.read_bytes().count(b"\n") == 2, 10.0)
        lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
        self.assertEqual([line["status"] for line in lines], [499, 499])
        self.assertLess(max(line["seconds"] for line in lines), 5)

    async def test_cancelled(self) -> None:
        """One by HTTP/2 cancels the requests whose bodies nginx has read whole, and keeps its connection."""
        waiting = evolve(route(NAME), hold=20.0, buffer=True)
        nginx = await self.served(state_of(unknown=self.default), waiting, settings={"workers": 1})
        with await deferToThread(Http2Client, self.tls_port, NAME) as client:
            streams = [client.ask("POST", "/", body=b"x") for _ in range(MOST_CHUNKED)]
            await self.until_held(nginx, MOST_CHUNKED)
            refused = client.ask("POST", "/", body=b"x")
            self.assertIn(b"too many uploads", await deferToThread(client.body, refused))
            for stream in streams:
                client.cancel(stream)
            client.ask("POST", "/", body=b"x")
            await self.until_held(nginx, MOST_CHUNKED + 1)
