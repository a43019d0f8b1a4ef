"""Calls by gRPC through a real nginx."""

from __future__ import annotations

from typing import Any

import grpc
from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.threads import blockingCallFromThread, deferToThread

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.proxy.nginx import Nginx
from daprdockr.proxy.routes import Route, Upstream
from tests.build.pairs import self_signed as pair_for
from tests.rig.grpc_app import EchoServer
from tests.rig.grpc_client import Caller
from tests.rig.nginx_here import WEB, route
from tests.rig.tls_here import NAME, TlsTestCase, state_of


def failure(caller: Caller, *arguments: Any, **kwargs: Any) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """Make a call that fails; return its status, what it says, and what followed the answer."""
    try:
        caller.call(*arguments, **kwargs)
    except grpc.RpcError as error:
        trailers = {str(key): str(value) for key, value in error.trailing_metadata() or ()}
        return error.code(), error.details() or "", trailers
    raise AssertionError("the call did not fail")


class CallTests(TlsTestCase):
    """Several instances behind one route, and one connection of a client."""

    def setUp(self) -> None:
        super().setUp()
        self.pair = pair_for((NAME,))

    def instance(self, number: int, port: int = 0) -> EchoServer:
        server = EchoServer(str(number), f"127.0.0.1:{port}")
        self.addCleanup(deferToThread, server.stop)
        return server

    def route_to(self, *servers: EchoServer, **changes: Any) -> Route:
        places = [Upstream(InstanceName(WEB, int(server.name)), "127.0.0.1", server.port) for server in servers]
        return evolve(route(NAME, *places), grpc=True, **changes)

    def caller(self) -> Caller:
        caller = Caller(self.tls_port, NAME, self.pair.chain.encode())
        self.addCleanup(caller.close)
        return caller

    async def serving(self, *servers: EchoServer, **changes: Any) -> Nginx:
        return await self.served(state_of(self.pair), self.route_to(*servers, **changes))

    async def test_balanced(self) -> None:
        """The calls of one connection reach all instances, and the answers of each method come whole."""
        servers = [self.instance(number) for number in (1, 2)]
        await self.serving(*servers)
        caller = self.caller()
        for number in range(10):
            said = await deferToThread(caller.call, "Say", f"word {number}".encode())
            self.assertEqual(said.partition(b":")[2], f"word {number}".encode())
        self.assertGreater(min(server.calls for server in servers), 2)
        large = b"x" * 3_000_000
        self.assertEqual((await deferToThread(caller.call, "Say", large))[2:], large)
        counted = await deferToThread(caller.count, 500)
        self.assertEqual([said[2:] for said in counted], [str(number).encode() for number in range(500)])

    async def test_status(self) -> None:
        """The status of a call and its trailers reach the client behind the answer."""
        await self.serving(self.instance(1))
        code, details, trailers = await deferToThread(failure, self.caller(), "Fail", b"bread")
        self.assertEqual((code, details), (grpc.StatusCode.NOT_FOUND, "no bread here"))
        self.assertEqual(trailers["reason"], "of-a-trailer")

    async def test_headers(self) -> None:
        """An instance sees who calls, and nothing that the client only claims."""
        await self.serving(self.instance(1))
        claims = {"x-forwarded-for": "1.1.1.1", "x_real_ip": "1.1.1.1", "x-forwarded-prefix": "/a", "token": "abc"}
        said = (await deferToThread(self.caller().call, "Meet", b"", claims)).decode()
        self.assertNotIn("1.1.1.1", said)
        self.assertNotIn("prefix", said)
        for line in ("x-real-ip=127.0.0.1", "x-forwarded-for=127.0.0.1", "x-forwarded-proto=https", "token=abc"):
            self.assertIn(line, said)
        self.assertIn(f"x-forwarded-host={NAME}", said)

    async def test_stream(self) -> None:
        """A stream in both directions lasts while its instance has a route, whatever else changes."""
        first, second = self.instance(1), self.instance(2)
        nginx = await self.serving(first)

        def change(number: int) -> None:
            servers = (first, second) if number % 2 else (first,)
            if number:  # the call has begun
                routes = self.route_to(*servers)
                wait: Any = blockingCallFromThread  # its types know no Deferred of None
                wait(reactor, lambda: ensureDeferred(self.published(nginx, routes)))

        caller = self.caller()
        said = await deferToThread(caller.chat, change, 6)
        self.assertEqual(said, [f"1:{number}".encode() for number in range(6)])

    async def test_refused(self) -> None:
        """A call goes to another instance where one takes no connection; without any the client may try again."""
        gone = self.instance(1)
        await deferToThread(gone.stop)
        nginx = await self.serving(gone, self.instance(2))
        caller = self.caller()
        for _ in range(4):
            self.assertEqual(await deferToThread(caller.call, "Say", b"a"), b"2:a")
        await self.published(nginx, self.route_to(gone))
        code, *_ = await deferToThread(failure, caller, "Say", b"a")
        self.assertEqual(code, grpc.StatusCode.UNAVAILABLE)

    async def test_left_out(self) -> None:
        """When one call found that no instance takes a connection, the next ones wait until one does."""
        gone = self.instance(1)
        await deferToThread(gone.stop)
        nginx = await self.serving(gone, hold=30)
        caller = self.caller()
        code, *_ = await deferToThread(failure, caller, "Say", b"a")
        self.assertEqual(code, grpc.StatusCode.UNAVAILABLE)
        waiting = deferToThread(caller.call, "Say", b"a")
        await self.until_held(nginx, 1)
        self.instance(1, gone.port)
        self.assertEqual(await waiting, b"1:a")

    async def test_held(self) -> None:
        """A call waits while its service has no healthy instance."""
        nginx = await self.serving(hold=30)
        waiting = deferToThread(self.caller().call, "Say", b"a")
        await self.until_held(nginx, 1)
        await self.published(nginx, self.route_to(self.instance(1), hold=30))
        self.assertEqual(await waiting, b"1:a")

    async def test_timeout(self) -> None:
        """An instance that says nothing for too long is given up."""
        await self.serving(self.instance(1), timeout=0.5)
        code, *_ = await deferToThread(failure, self.caller(), "Sleep", b"2")
        self.assertIn(code, (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED))

    async def test_unknown(self) -> None:
        """A host name without a route gets the status that says so."""
        await self.served(state_of(self.pair))
        code, *_ = await deferToThread(failure, self.caller(), "Say", b"a")
        self.assertEqual(code, grpc.StatusCode.UNIMPLEMENTED)

    async def test_no_grpc(self) -> None:
        """Where the instances speak something else the page of the answer says so, which curl shows."""
        await self.served(state_of(self.pair), evolve(route(NAME, self.upstream()), grpc=True))
        code, *_ = await deferToThread(failure, self.caller(), "Say", b"a")
        self.assertEqual(code, grpc.StatusCode.UNAVAILABLE)
        self.assertIn("speaks no gRPC (HTTP/2 without TLS)", await self.curl("--http2"))

    async def test_beside_http(self) -> None:
        """Another path of the same name leads to instances that speak HTTP."""
        page = ServiceName(group="shop", service="page")
        web = evolve(route(NAME, self.upstream(service=page), service=page), path="/page")
        await self.served(state_of(self.pair), self.route_to(self.instance(1)), web)
        self.assertEqual(await deferToThread(self.caller().call, "Say", b"a"), b"1:a")
        self.assertIn('"name": "1.page.shop"', await self.curl("--http2", path="/page"))
