"""HTTP/2 of a real nginx: what differs there for bodies, headers and answers."""

from __future__ import annotations

import json
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.proxy.clients import HttpClients
from daprdockr.proxy.routes import Upstream
from tests.build.pairs import self_signed as pair_for
from tests.rig.hinting import Hinting
from tests.rig.http2_here import Http2Client
from tests.rig.nginx_here import WEB, route, until
from tests.rig.tls_here import NAME, TlsTestCase, state_of


class Offering(Resource):
    """Offers to speak another protocol on its connection, as Apache does where it has HTTP/2."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def render(self, request: Any) -> bytes:
        request.setHeader("Upgrade", "h2,h2c")
        request.setHeader("Connection", "Upgrade")
        request.setHeader("Proxy-Connection", "keep-alive")
        return b"answer"


class Requiring(Resource):
    """Wants another protocol before it answers, as servers of websockets do."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def render(self, request: Any) -> bytes:
        request.setResponseCode(426)
        request.setHeader("Upgrade", "websocket, TLS/1.3")
        return b"answer"


class Other(Protocol):
    """Speaks another protocol than HTTP, and says so at once."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"SSH-2.0-OpenSSH_9.2\r\n")


class RequestTests(TlsTestCase):
    """Requests whose form HTTP/1.1 does not know."""

    async def test_unknown_length(self) -> None:
        """A body by HTTP/2 whose length is not stated passes, but where the size of bodies is bounded."""
        place = self.upstream()
        bounded = evolve(route(NAME, place), path="/bounded", max_body=1000)
        await self.served(state_of(pair_for((NAME,))), route(NAME, place), bounded)
        for path, size, status in (("/", 100_000, 200), ("/bounded", 10, 411)):
            arguments = ("--http2", "-X", "POST", "-T", "-", "-w", "\n%{http_version} %{http_code}")
            said = await self.curl(*arguments, path=path, stdin=b"x" * size)
            self.assertIn(f"\n2 {status}", said)
            self.assertEqual(f'"body": {size}' in said, status == 200)

    async def test_unknown_length_buffered(self) -> None:
        """A body by HTTP/2 whose length is not stated is read whole where a route says so, and bounded like others."""
        place = self.upstream()
        await self.served(state_of(pair_for((NAME,))), evolve(route(NAME, place), buffer=True, max_body=1000))
        arguments = ("--http2", "-X", "POST", "-T", "-", "-w", "\n%{http_code}")
        said = await self.curl(*arguments, stdin=b"x" * 900)
        self.assertIn("\n200", said)
        self.assertIn('"body": 900', said)
        self.assertIn('"content-length": ["900"]', said)
        self.assertNotIn("transfer-encoding", said)
        for size in (1001, 200_000, 17 * 2**20):
            said = await self.curl(*arguments, stdin=b"x" * size)
            self.assertIn("\n413", said)
        self.assertIn("\n200", await self.curl(*arguments, stdin=b""))

    async def test_unannounced(self) -> None:
        """Methods that have no body as a rule may have one by HTTP/2 that no header shows; it is bounded, too."""
        place = self.upstream()
        bounded = evolve(route(NAME, place), max_body=1000, path="/bounded", strip_path=True)
        buffered = evolve(route(NAME, place), max_body=200_000, path="/buffered", buffer=True)
        await self.served(state_of(pair_for((NAME,))), route(NAME, place), bounded, buffered)
        for path, size, status in (
            ("/", 300_000, 200),
            ("/bounded/x", 0, 200),
            ("/bounded/x", 900, 200),
            ("/bounded/x", 1001, 413),
            ("/bounded/x", 300_000, 413),
            ("/buffered", 1001, 200),
            ("/buffered", 150_000, 413),
            ("/buffered", 300_000, 413),
        ):
            for method in ("GET", "DELETE", "OPTIONS"):
                arguments = ("--http2", "-X", method, "-T", "-", "-w", "\n%{http_version} %{http_code}")
                said = await self.curl(*arguments, path=path, stdin=b"x" * size)
                self.assertIn(f"\n2 {status}", said, (method, path, size))
                self.assertEqual(f'"body": {size},' in said, status == 200, (method, path, size))
                self.assertEqual("is larger than this service takes" in said, status == 413, (method, path, size))
                self.assertEqual('"path": "/x"' in said, status == 200 and "bounded" in path)
        said = await self.curl("--http2", path="/bounded/x")
        self.assertIn('"body": 0,', said)
        self.assertNotIn("content-length", said)

    async def test_unknown_length_not_repeated(self) -> None:
        """A body by HTTP/2 whose length is not stated is read once, so a request that no instance took is answered."""
        dead = evolve(self.upstream(), port=9)
        nginx = await self.served(state_of(pair_for((NAME,))), evolve(route(NAME, dead), hold=20.0))
        asked = Deferred.fromCoroutine(
            self.curl("--http2", "-X", "POST", "-T", "-", "-w", "\n%{http_code}", stdin=b"x" * 300_000)
        )
        await deferLater(reactor, 0.5)
        await self.published(nginx, evolve(route(NAME, self.upstream(2)), hold=20.0))
        self.assertIn("\n502", await asked)

    async def test_unannounced_not_repeated(self) -> None:
        """So is one that no header shows; a request without a body waits for an instance."""
        dead = evolve(self.upstream(), port=9)
        nginx = await self.served(state_of(pair_for((NAME,))), evolve(route(NAME, dead), hold=20.0))
        plain = Deferred.fromCoroutine(self.curl("--http2", "-w", "\n%{http_code}"))
        for method, size in (("GET", 5), ("DELETE", 300_000), ("GET", 0)):
            arguments = ("--http2", "-X", method, "-T", "-", "-w", "\n%{http_code}")
            self.assertIn("\n502", await self.curl(*arguments, stdin=b"x" * size), (method, size))
        await self.published(nginx, evolve(route(NAME, self.upstream(2)), hold=20.0))
        self.assertIn("\n200", await plain)

    async def test_compressed_headers(self) -> None:
        """``MaxHeader`` bounds what an instance gets, not what HTTP/2 makes of it."""
        await self.served(state_of(pair_for((NAME,))), evolve(route(NAME, self.upstream()), max_header=2048))
        for version in ("--http2", "--http1.1"):
            for size, status in ((1800, 200), (2020, 431)):
                said = await self.curl(version, "-H", f"X-Long: {'a' * size}", "-w", "\n%{http_code}")
                self.assertTrue(said.endswith(f"\n{status}"), (version, size))

    async def test_upgrade(self) -> None:
        """No instance is asked to make a websocket of the connection, which has other requests as well."""
        await self.served(state_of(pair_for((NAME,))), route(NAME, self.upstream()))
        with await deferToThread(Http2Client, self.tls_port, NAME) as client:
            asked = client.ask("GET", "/", {"upgrade": "websocket"})
            seen = json.loads(await deferToThread(client.body, asked))
        self.assertEqual({"upgrade", "connection"} & set(seen["headers"]), set())


class AnswerTests(TlsTestCase):
    """Answers that HTTP/2 does not allow as they are."""

    async def test_headers_of_a_connection(self) -> None:
        """No client gets what an instance says of its own connection: with HTTP/2 it would be an error."""
        place = self.upstream(resource=Offering())
        sticky = evolve(route(NAME, place), path="/sticky", sticky="there")
        await self.served(state_of(pair_for((NAME,))), route(NAME, place), sticky)
        for path in ("/", "/sticky"):
            for version in ("--http2", "--http1.1"):
                said = await self.curl(version, "-i", path=path)
                self.assertTrue(said.endswith("answer"), said)
                self.assertNotIn("pgrade", said)
                self.assertNotIn("roxy-", said)

    async def test_upgrade_required(self) -> None:
        """An answer 426 names the protocols that it asks for, but by HTTP/2, which has no such header."""
        place = self.upstream(resource=Requiring())
        sticky = evolve(route(NAME, place), path="/sticky", sticky="there")
        await self.served(state_of(pair_for((NAME,))), route(NAME, place), sticky, settings={"workers": 1})
        for path in ("/sticky", "/"):
            said = await self.curl("--http1.1", "-i", path=path)
            self.assertRegex(said, r"(?s)^HTTP/1.1 426 .*\nUpgrade: websocket, TLS/1.3\r\n.*answer$")
            self.assertRegex(said, r"\nConnection: upgrade\r\n")
            said = await self.curl("--http2", "-i", path=path)
            self.assertRegex(said, r"(?s)^HTTP/2 426 .*answer$")
            self.assertNotIn("upgrade", said)

    async def test_too_many(self) -> None:
        """An address that has too many requests under way gets 429, without an error of the protocol behind it."""
        limits = HttpClients(trusted=("127.0.0.0/8",), under_way=1)
        nginx = await self.served(state_of(pair_for((NAME,))), evolve(route(NAME), hold=20.0), clients=limits)
        with await deferToThread(Http2Client, self.tls_port, NAME) as client:
            client.ask("GET", "/", same := {"x-forwarded-for": "192.0.2.1"})
            await self.until_held(nginx, 1)
            for body in (b"", b"x" * 10_000):
                refused = await deferToThread(client.body, client.ask("POST", "/", same, body))
                self.assertEqual(refused, b"too many requests of this address are under way\n")

    async def test_interim(self) -> None:
        """A client by HTTP/2 to which an instance sends interim answers learns why it gets no other, on each way."""
        hinting = Upstream(InstanceName(WEB, 1), "127.0.0.1", self.listen(Factory.forProtocol(Hinting)))
        other = ServiceName(group="shop", service="other")
        sticky = evolve(route(NAME, hinting), path="/sticky", sticky="there")
        plain = evolve(route(NAME, self.upstream(service=other), service=other), path="/plain")
        certificate = state_of(pair_for((NAME,)))
        await self.served(certificate, route(NAME, hinting), sticky, plain, settings={"workers": 1})
        for path in ("/", "/sticky", "/plain", "/", "/sticky", "/plain"):
            said = await self.curl("--http2", "-w", "\n%{http_version} %{http_code}", path=path)
            self.assertIn("\n2 200" if path == "/plain" else "(such as 103)", said)
            self.assertIn("final", await self.curl("--http1.1"))
        await until(lambda: Hinting.connected == 0)

    async def test_other_protocol(self) -> None:
        """Nothing of an instance that does not speak HTTP reaches a client, which learns the reason by HTTP."""
        place = Upstream(InstanceName(WEB, 1), "127.0.0.1", self.listen(Factory.forProtocol(Other)))
        sticky = evolve(route(NAME, place), path="/sticky", sticky="there")
        await self.served(state_of(pair_for((NAME,))), route(NAME, place), sticky, settings={"workers": 1})
        for path in ("/", "/sticky", "/"):
            said = await self.curl("--http2", "-w", "\n%{http_version} %{http_code}", path=path)
            self.assertRegex(said, r"something other than HTTP\n\n2 502$")
            asked = f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode()
            answer = await self.converse(asked, b"HTTP\n")
            self.assertRegex(answer, rb"(?s)^HTTP/1.1 502 .*something other than HTTP\n$")
            answer = await self.converse(asked.replace(b"GET", b"HEAD"), b"\r\n\r\n")
            self.assertRegex(answer, rb"(?s)^HTTP/1.1 502 .*\r\n\r\n$")
