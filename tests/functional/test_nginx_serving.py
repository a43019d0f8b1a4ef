"""A client and a service with a real nginx between them."""

from __future__ import annotations

import json
import socket
from collections import Counter
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.proxy.routes import Upstream
from tests.rig.nginx_here import WEB, NginxTestCase, route, until
from tests.rig.upgrading import Upgrading

API = ServiceName(group="shop", service="api")


class RoutingTests(NginxTestCase):
    """Which request goes where."""

    async def test_by_host_name(self) -> None:
        """Each host name leads to its service, whatever its case, its port, and the path."""
        api = self.upstream(service=API)
        await self.started(
            route("web.example.com", self.upstream()),
            route("*.api.example.com", api, service=API),
            route("my_app.example.com", api, service=API),
        )
        for host, name in [
            ("web.example.com", "1.web.shop"),
            ("WEB.Example.com:8080", "1.web.shop"),
            ("Web.example.com.", "1.web.shop"),
            ("web.example.com.:80", "1.web.shop"),
            ("v1.api.example.com", "1.api.shop"),
            ("a.b.api.example.com", "1.api.shop"),
            ("My_App.example.com", "1.api.shop"),
        ]:
            seen = (await self.get(host, "/a//b%20c?d=%2F&e")).seen
            self.assertEqual((seen["name"], seen["path"]), (name, "/a//b%20c?d=%2F&e"))

    async def test_options_of_the_server(self) -> None:
        """``OPTIONS *``, which asks for no path, is refused by nginx itself, and other requests go on."""
        await self.started(route("web.example.com", self.upstream()))
        answer = await self.converse(b"OPTIONS * HTTP/1.1\r\nHost: web.example.com\r\n\r\n", b"</html>")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertEqual((await self.get("web.example.com", method="OPTIONS")).code, 200)

    async def test_all_instances_take_part(self) -> None:
        """Requests go to the instance with the fewest; those that come one by one go to one of this node."""
        near, far = self.upstream(1), self.upstream(2)
        await self.started(route("web.example.com", evolve(near, local=True), far))
        names = Counter([(await self.get("web.example.com")).seen["name"] for _ in range(5)])
        self.assertEqual(set(names), {"1.web.shop"})
        crowd = await gatherResults([Deferred.fromCoroutine(self.get("web.example.com")) for _ in range(30)])
        self.assertEqual({answer.seen["name"] for answer in crowd}, {"1.web.shop", "2.web.shop"})

    async def test_unknown_host(self) -> None:
        """A host name that no service has is answered with one line and 404."""
        await self.started(route("web.example.com", self.upstream()))
        answer = await self.get("other.example.com")
        self.assertEqual((answer.code, answer.text), (404, "no service has this host name and path\n"))
        self.assertEqual(answer.headers["content-type"], "text/plain")
        self.assertEqual(answer.headers["server"], "nginx")

    async def test_no_healthy_instance(self) -> None:
        """A route without instances is answered with one line, 503, and when to come back."""
        await self.started(route("web.example.com"))
        answer = await self.get("web.example.com")
        self.assertEqual((answer.code, answer.text), (503, "no instance of this service is healthy\n"))
        self.assertEqual(answer.headers["retry-after"], "1")

    async def test_a_dead_instance_costs_no_request(self) -> None:
        """While an instance refuses connections, others answer in its place, also a POST with a body."""
        dead = Upstream(InstanceName(WEB, 1), "127.0.0.1", 9)
        await self.started(route("web.example.com", dead, self.upstream(2)))
        for _ in range(4):
            answer = await self.get("web.example.com", method="POST", data=b"x" * 1000)
            self.assertEqual((answer.code, answer.seen["name"], answer.seen["body"]), (200, "2.web.shop", 1000))

    async def test_a_silent_host(self) -> None:
        """A request that waited for an instance of a host that is away goes to another host, though that is busier."""
        held = Held("3.web.shop")
        busy = self.upstream(3, resource=held)
        log = self.directory / "access.log"
        nginx = await self.started(route("web.example.com", busy), access_log=log, settings={"workers": 1})
        first = Deferred.fromCoroutine(self.get("web.example.com", "/held"))
        await until(lambda: held.requests)
        away = [Upstream(InstanceName(WEB, number), "127.0.0.2", silent_port(self)) for number in (1, 2)]
        await self.published(nginx, route("web.example.com", *away, busy))
        self.assertEqual((await self.get("web.example.com")).text, "3.web.shop")
        held.release()
        await first
        await until(lambda: log.read_bytes().count(b"\n") == 2)
        self.assertEqual([json.loads(line)["tries"] for line in log.read_text().splitlines()], [2, 1])

    async def test_large_body(self) -> None:
        """A body of several megabytes passes whole, and leaves no file behind."""
        await self.started(route("web.example.com", self.upstream()))
        answer = await self.get("web.example.com", method="PUT", data=b"x" * 5_000_000)
        self.assertEqual(answer.seen["body"], 5_000_000)
        self.assertEqual([path for path in self.directory.glob("temp-*/*")], [])


class Held(Resource):
    """Answers with its name: requests for ``/held`` when they are released, others at once."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name.encode()
        self.requests: list[Any] = []

    def render(self, request: Any) -> bytes | int:
        if request.path != b"/held":
            return self.name
        self.requests.append(request)
        return NOT_DONE_YET

    def release(self) -> None:
        for request in self.requests:
            request.write(self.name)
            request.finish()


def silent_port(case: TestCase) -> int:
    """A port of 127.0.0.2 that neither takes a connection nor refuses one: nobody accepts, and its queue is full."""
    listening = socket.create_server(("127.0.0.2", 0), backlog=0)
    case.addCleanup(listening.close)
    port: int = listening.getsockname()[1]
    waiting = socket.create_connection(("127.0.0.2", port))
    case.addCleanup(waiting.close)
    return port


class HeaderTests(NginxTestCase):
    """The headers by which the service learns about the client."""

    async def headers(self, host: str = "web.example.com:8080", **given: str) -> dict[str, list[str]]:
        await self.started(route("web.example.com", self.upstream()))
        seen: dict[str, list[str]] = (await self.get(host, headers=given)).seen["headers"]
        return seen

    async def test_told_to_the_service(self) -> None:
        """The service sees the host the client asked for, the client's address and the protocol."""
        headers = await self.headers()
        self.assertEqual(headers["host"], ["web.example.com:8080"])
        self.assertEqual(headers["x-real-ip"], ["127.0.0.1"])
        self.assertEqual(headers["x-forwarded-for"], ["127.0.0.1"])
        self.assertEqual(headers["x-forwarded-proto"], ["http"])
        self.assertEqual(headers["x-forwarded-host"], ["web.example.com:8080"])
        self.assertEqual(headers["x-forwarded-port"], [str(self.port)])
        self.assertNotIn("connection", headers)

    async def test_not_believed(self) -> None:
        """Headers in which a client makes claims about itself are replaced or removed."""
        headers = await self.headers(
            **{
                "X-Real-IP": "6.6.6.6",
                "X-Forwarded-For": "6.6.6.6",
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": "bank.example.com",
                "X-Forwarded-Port": "443",
                "Forwarded": "for=6.6.6.6",
                "Proxy": "http://6.6.6.6/",
            }
        )
        self.assertEqual(headers["x-real-ip"], ["127.0.0.1"])
        self.assertEqual(headers["x-forwarded-for"], ["127.0.0.1"])
        self.assertEqual(headers["x-forwarded-proto"], ["http"])
        self.assertEqual(headers["x-forwarded-host"], ["web.example.com:8080"])
        self.assertEqual(headers["x-forwarded-port"], [str(self.port)])
        self.assertNotIn("forwarded", headers)
        self.assertNotIn("proxy", headers)

    async def test_host_of_an_absolute_request(self) -> None:
        """The host that was routed by is the one the service sees, whatever the Host header says beside it."""
        await self.started(route("web.example.com", self.upstream()))
        answer = await self.converse(
            b"GET http://web.example.com/ HTTP/1.1\r\nHost: bank.example.com\r\nConnection: close\r\n\r\n", b"\r\n\r\n"
        )
        self.assertIn(b'"host": ["web.example.com"]', answer)
        self.assertNotIn(b"bank.example.com", answer)


class Counting(Protocol):
    """Answers each part of a chunked upload with a part of its answer, and ends with the upload."""

    received = b""
    begun = False

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.received += data
        if not self.begun:
            self.begun = True
            self.transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for word in (b"first", b"last"):
            if word + b"\r\n" in self.received:
                self.received = self.received.replace(word + b"\r\n", b"")
                self.transport.write(b"%x\r\ngot %s\r\n" % (4 + len(word), word))
        if b"0\r\n\r\n" in self.received:
            self.transport.write(b"0\r\n\r\n")
            self.transport.loseConnection()


class HangingUp(Protocol):
    """Answers what comes within two seconds of the last request on the same connection; later it hangs up instead."""

    KEPT = 2.0

    def connectionMade(self) -> None:
        self.received = b""
        self.last = float(reactor.seconds())

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        now, before = float(reactor.seconds()), self.last
        self.last = now
        if now - before >= self.KEPT:
            self.transport.loseConnection()
            return
        self.received += data
        if self.received.endswith(b"\r\n\r\nbody"):
            self.received = b""
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


class ConnectionTests(NginxTestCase):
    """Connections that last."""

    async def test_kept_to_the_service(self) -> None:
        """Requests of several clients reach an instance over one connection."""
        await self.started(route("web.example.com", self.upstream()))
        workers = {(await self.get("web.example.com")).seen["client_port"] for _ in range(40)}
        # Each worker keeps its own, and there is one for each core.
        self.assertLess(len(workers), 40)

    async def test_kept_not_too_long(self) -> None:
        """A POST meets no connection that its service, as gunicorn does, is about to close after two idle seconds."""
        port = self.listen(Factory.forProtocol(HangingUp))
        await self.started(route("web.example.com", Upstream(InstanceName(WEB, 1), "127.0.0.1", port)))
        for _ in range(2):
            asked = [
                Deferred.fromCoroutine(self.get("web.example.com", method="POST", data=b"body")) for _ in range(20)
            ]
            self.assertEqual({200}, {answer.code for answer in await gatherResults(asked)})
            await deferLater(reactor, HangingUp.KEPT + 0.2)

    async def test_upload_in_parts(self) -> None:
        """Parts of a chunked body are passed on as they come, and so are those of the answer to it."""
        port = self.listen(Factory.forProtocol(Counting))
        await self.started(route("web.example.com", Upstream(InstanceName(WEB, 1), "127.0.0.1", port)))
        head = b"POST / HTTP/1.1\r\nHost: web.example.com\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        answer = await self.converse(head + b"5\r\nfirst\r\n", b"got first", b"4\r\nlast\r\n0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
        self.assertIn(b"got last", answer)

    async def test_websocket(self) -> None:
        """An upgrade to websocket passes, and bytes flow in both directions afterwards."""
        port = self.listen(Factory.forProtocol(Upgrading))
        await self.started(route("ws.example.com", Upstream(InstanceName(WEB, 1), "127.0.0.1", port)))
        answer = await self.converse(
            b"GET /chat HTTP/1.1\r\nHost: ws.example.com\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n",
            b"\r\n\r\n",
            b"hello, bye",
        )
        self.assertTrue(answer.startswith(b"HTTP/1.1 101 "), answer)
        self.assertIn(b"X-Asked: yes", answer)
        self.assertEqual(answer.lower().count(b"\r\nupgrade: websocket\r\n"), 1, answer)
        self.assertEqual(answer.lower().count(b"\r\nconnection: upgrade\r\n"), 1, answer)
        self.assertTrue(answer.endswith(b"HELLO, BYE"), answer)

    async def test_other_upgrades(self) -> None:
        """An upgrade to anything else is not passed on: over h2c a client would speak past the proxy."""
        await self.started(route("web.example.com", self.upstream()))
        seen = (await self.get("web.example.com", headers={"Upgrade": "h2c", "Connection": "Upgrade"})).seen
        self.assertNotIn("upgrade", seen["headers"])
        self.assertNotIn("connection", seen["headers"])
