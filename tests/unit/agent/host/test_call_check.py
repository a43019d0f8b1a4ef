"""The health check by a call of gRPC, of a server of gRPC over loopback."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from attrs import field, frozen
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.server import Site
from twisted.web.static import Data

from daprdockr.agent.host.probe import Target
from daprdockr.agent.host.real_probe import RealProbe
from daprdockr.model.wanted.health import Health
from daprdockr.runtime.quiet_grpc import grpc
from tests.fakes.engine import MemoryEngine
from tests.fakes.run import OnePool, run_at_once

LOOPBACK = "127.0.0.1"
SERVING, NOT_SERVING, UNKNOWN = b"\x08\x01", b"\x08\x02", b""


@frozen
class HealthServer:
    """Gives the same answer to all checks, once ``may_answer`` is set, and keeps their requests."""

    answer: bytes
    may_answer: threading.Event = field(factory=threading.Event)
    asked: threading.Event = field(factory=threading.Event)
    requests: list[bytes] = field(factory=list)

    def check(self, request: bytes, context: Any) -> bytes:
        self.requests.append(request)
        self.asked.set()
        self.may_answer.wait(10)
        if not self.answer.isascii():
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return self.answer


class CallCheckTests(TestCase):
    """A probe of type ``grpc``."""

    def setUp(self) -> None:
        self.probe = RealProbe(reactor=reactor, pool=OnePool(run_at_once), engine=MemoryEngine())

    def serve(self, health: HealthServer, service: str = "grpc.health.v1.Health") -> int:
        """Serve until the end of the test; return the port."""
        server = grpc.server(ThreadPoolExecutor(2))
        method = grpc.unary_unary_rpc_method_handler(health.check)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Check": method}),))
        port: int = server.add_insecure_port(f"{LOOPBACK}:0")
        server.start()
        self.addCleanup(deferToThread, lambda: server.stop(None).wait(10))
        return port

    def check(self, port: int, **changes: Any) -> Deferred[str | None]:
        check = Health(type="grpc", port=port, **{"timeout": 5, **changes})
        return Deferred.fromCoroutine(self.probe(Target("c1", check, LOOPBACK, port)))

    def answering(self, answer: bytes) -> HealthServer:
        health = HealthServer(answer)
        health.may_answer.set()
        return health

    async def test_status(self) -> None:
        """Only a server that says that it serves is healthy."""
        expected = {
            SERVING: None,
            NOT_SERVING: "status NOT_SERVING",
            UNKNOWN: "status UNKNOWN",
            b"\x08\x09": "status 9",
            b"\xff": "NOT_FOUND: unknown service",
        }
        for answer, reason in expected.items():
            self.assertEqual(await self.check(self.serve(self.answering(answer))), reason)

    async def test_service(self) -> None:
        """The request names the service of the check, if it has one."""
        health = self.answering(SERVING)
        port = self.serve(health)
        for service in ("", "shop.Cart"):
            self.assertIsNone(await self.check(port, service=service))
        self.assertEqual(health.requests, [b"", b"\x0a\x09shop.Cart"])

    async def test_not_offered(self) -> None:
        """A server that has no health checks says so."""
        reason = "it does not have the service grpc.health.v1.Health"
        self.assertEqual(await self.check(self.serve(self.answering(SERVING), "shop.Cart")), reason)

    async def test_no_answer(self) -> None:
        """A server that does not answer in time fails the check."""
        health = HealthServer(SERVING)
        self.addCleanup(health.may_answer.set)
        self.assertEqual(await self.check(self.serve(health), timeout=0.3), "there is no answer in time")

    async def test_other_protocol(self) -> None:
        """A server that speaks something else fails the check, and so does one that takes no connection."""
        site: Any = Site(Data(b"", "text/plain"))
        web: Any = reactor.listenTCP(0, site, interface=LOOPBACK)
        port = web.getHost().port
        self.assertEqual(await self.check(port), "it closed the connection without an answer")
        await web.stopListening()
        self.assertEqual(await self.check(port), "Connection refused")

    async def test_cancelled(self) -> None:
        """A check that is called off ends at once."""
        health = HealthServer(SERVING)
        self.addCleanup(health.may_answer.set)
        checking = self.check(self.serve(health), timeout=60)
        await deferToThread(health.asked.wait, 10)
        checking.cancel()
        await self.assertFailure(checking, CancelledError)
