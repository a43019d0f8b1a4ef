"""The limits of a real nginx for clients that are slow, and for addresses that open many connections."""

from __future__ import annotations

import resource
import socket
from contextlib import ExitStack
from typing import Any, ClassVar

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.proxy.clients import HttpClients
from daprdockr.proxy.nginx import Nginx
from daprdockr.proxy.routes import Route, Upstream
from tests.rig.nginx_here import WEB, NginxTestCase, route, until

NAME = "web.example.com"
HERE = HttpClients(trusted=("127.0.0.0/8",), under_way=20)
SMALL = {"open_files": 1024}
"""A machine whose workers have 512 connections each."""


class Silent(Protocol):
    """Receives requests and answers none."""

    open: ClassVar[set[Silent]] = set()

    def connectionMade(self) -> None:
        self.open.add(self)

    def connectionLost(self, reason: object = None) -> None:
        self.open.discard(self)


class LimitCase(NginxTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.opened = ExitStack()

    async def started(self, *routes: Route, **changes: Any) -> Nginx:
        nginx = await super().started(*routes, **changes)
        self.addCleanup(self.opened.close)  # before nginx ends, which waits for its clients
        return nginx

    def connect(self, *sent: bytes) -> socket.socket:
        """A client that has sent this and says no more."""
        client = self.opened.enter_context(socket.create_connection(("127.0.0.1", self.port), timeout=30))
        client.sendall(b"".join(sent))
        return client

    async def status(self, address: str, host: str = NAME) -> int:
        """The status that a request of that address gets."""
        return (await self.get(host, headers={"X-Forwarded-For": address})).code


def head(address: str, *more: str, method: str = "GET") -> bytes:
    lines = [f"{method} / HTTP/1.1", f"Host: {NAME}", f"X-Forwarded-For: {address}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


class AddressTests(LimitCase):
    """How many requests one address may have under way."""

    async def test_limited(self) -> None:
        """The next one of the same address gets 429 and when to come back; others do not notice."""
        port = self.listen(Factory.forProtocol(Silent))
        silent = route(NAME, Upstream(InstanceName(WEB, 1), "127.0.0.1", port))
        other = ServiceName(group="shop", service="api")
        await self.started(
            silent, route("other.example.com", self.upstream(service=other), service=other), clients=HERE
        )
        clients = [self.connect(head("192.0.2.1")) for _ in range(20)]
        await until(lambda: len(Silent.open) == 20)
        answer = await self.get("other.example.com", headers={"X-Forwarded-For": "192.0.2.1"})
        self.assertEqual((answer.code, answer.headers["retry-after"]), (429, "1"))
        self.assertEqual(answer.text, "too many requests of this address are under way\n")
        for address in ("192.0.2.2", "2001:db8::1", "127.0.0.1"):
            self.assertEqual(await self.status(address, "other.example.com"), 200)
        clients[0].close()
        await until(lambda: len(Silent.open) == 19)
        await until(lambda: self.free_again("192.0.2.1"))

    async def free_again(self, address: str) -> bool:
        return await self.status(address, "other.example.com") == 200

    async def test_trusted(self) -> None:
        """Loopback and trusted proxies, which speak for many clients, have no limit."""
        port = self.listen(Factory.forProtocol(Silent))
        await self.started(route(NAME, Upstream(InstanceName(WEB, 1), "127.0.0.1", port)), clients=HERE)
        for _ in range(50):
            self.connect(f"GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
        await until(lambda: len(Silent.open) == 50)


class SlowTests(LimitCase):
    """Clients that take their time."""

    async def test_room_is_kept(self) -> None:
        """2,600 slow uploads of one address, on workers with 512 connections each, keep nobody else out."""
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        await self.started(route(NAME, self.upstream()), clients=HttpClients(trusted=HERE.trusted), settings=SMALL)
        slow = head("192.0.2.1", "Content-Length: 100000", method="POST") + b"x"

        def connect() -> None:
            for _ in range(2600):
                self.connect(slow)

        await deferToThread(connect)
        for number in range(20):
            self.assertEqual(await self.status(f"198.51.100.{number}"), 200)

    async def test_half_a_request(self) -> None:
        """A client that does not finish the headers of its request is let go, and others are served meanwhile."""
        await self.started(route(NAME, self.upstream()), clients=HERE)
        clients = [self.connect(head("192.0.2.1")[:-2]) for _ in range(500)]
        self.assertEqual(await self.status("192.0.2.2"), 200)
        with self.assertRaises(ConnectionResetError):
            await deferToThread(clients[-1].recv, 100)
