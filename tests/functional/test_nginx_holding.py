"""Requests to a real nginx that no instance can take yet, or that an instance did not answer."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.web.server import Site

from daprdockr.model.names import InstanceName
from daprdockr.proxy.routes import Route, Upstream
from tests.build.ports import free_port
from tests.rig.nginx_here import WEB, Answer, Echo, NginxTestCase, route, until

NAME = "web.example.com"
FAR = 20.0


class Dropping(Echo):
    """Ends the connection of a request for ``/poison`` without an answer, and counts them."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.dropped = 0

    def render(self, request: Any) -> bytes:
        if request.path == b"/poison":
            self.dropped += 1
            request.transport.abortConnection()
        return super().render(request)


class OnceEach(Protocol):
    """Answers one request of each connection, and ends it without an answer when another one comes."""

    has_answered = False

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        if self.has_answered:
            self.transport.loseConnection()
        else:
            self.has_answered = True
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


class HoldingTests(NginxTestCase):
    """A request waits for an instance, as long as its route says."""

    def holding(self, *places: Any, seconds: float = FAR) -> Route:
        return evolve(route(NAME, *places), hold=seconds)

    def ask(self, **more: Any) -> Deferred[Answer]:
        return Deferred.fromCoroutine(self.get(NAME, **more))

    async def test_held(self) -> None:
        """Requests that come while no instance is healthy are answered by the first that is, POST as well as GET."""
        nginx = await self.started(self.holding())
        asked = gatherResults(
            [self.ask(), self.ask(method="POST", data=b"x" * 5000), self.ask(method="PUT", data=b"y")]
        )
        await self.until_held(nginx, 3)
        self.assertFalse(asked.called)
        await self.published(nginx, self.holding(self.upstream()))
        answers = await asked
        self.assertEqual([(one.code, one.seen["body"]) for one in answers], [(200, 0), (200, 5000), (200, 1)])
        self.assertEqual(await nginx.door.counts(), {"held": 3, "retried": 0, "unserved": 0, "paused": 0})

    async def test_not_for_ever(self) -> None:
        """When the time is over the request gets 503, and when to come back."""
        nginx = await self.started(self.holding(seconds=0.2))
        answer = await self.get(NAME)
        self.assertEqual((answer.code, answer.headers["retry-after"]), (503, "1"))
        self.assertEqual(await nginx.door.counts(), {"held": 1, "retried": 0, "unserved": 1, "paused": 0})

    async def test_no_wait(self) -> None:
        """Without a time to wait it gets 503 at once, and does not count as one that waited."""
        nginx = await self.started(self.holding(seconds=0.0))
        self.assertEqual((await self.get(NAME)).code, 503)
        self.assertEqual(await nginx.door.counts(), {"held": 0, "retried": 0, "unserved": 1, "paused": 0})

    async def test_instance_away(self) -> None:
        """Requests to the only instance, which takes no connections, are answered by the one in its place."""
        dead = evolve(self.upstream(), port=9)
        nginx = await self.started(self.holding(dead))
        asked = gatherResults([self.ask(), self.ask(method="POST", data=b"x" * 5000)])
        await self.until_held(nginx, 2)
        self.assertFalse(asked.called)
        await self.published(nginx, self.holding(self.upstream(2)))
        self.assertEqual([(one.code, one.seen["name"]) for one in await asked], [(200, "2.web.shop")] * 2)
        self.assertEqual(await nginx.door.counts(), {"held": 2, "retried": 2, "unserved": 0, "paused": 0})

    async def test_instances_away(self) -> None:
        """A POST that two instances took no connection for was received by none, and goes to one that comes."""
        nginx = await self.started(self.holding(*(evolve(self.upstream(number), port=8 + number) for number in (1, 2))))
        asked = self.ask(method="POST", data=b"x" * 5000)
        await self.until_held(nginx, 1)
        self.assertFalse(asked.called)
        await self.published(nginx, self.holding(self.upstream(3)))
        self.assertEqual(((await asked).code, (await asked).seen["name"]), (200, "3.web.shop"))

    async def test_same_place(self) -> None:
        """An instance that is back at the same address and port is tried again."""
        place = evolve(self.upstream(), port=9)
        nginx = await self.started(self.holding(place))
        asked = self.ask()
        await self.until_held(nginx, 1)
        await self.published(nginx, self.holding(self.upstream()))
        self.assertEqual((await asked).code, 200)

    async def test_listens_again(self) -> None:
        """So it is when nobody says that it is back, as while etcd is away."""
        ports = [free_port() for _ in range(3)]
        dead = [evolve(self.upstream(number), port=port) for number, port in enumerate(ports, 1)]
        nginx = await self.started(self.holding(*dead))
        asked = [self.ask(), self.ask(method="POST", data=b"x" * 5000)]
        await self.until_held(nginx, 2)
        self.assertFalse(any(one.called for one in asked))
        site: Any = Site(Echo("2.web.shop"))
        listening: Any = reactor.listenTCP(ports[1], site, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        answers = await gatherResults(asked)
        self.assertEqual([(one.code, one.seen["name"]) for one in answers], [(200, "2.web.shop")] * 2)

    async def test_chunked_at_once(self) -> None:
        """So is a chunked upload that came with its headers, which arrives whole."""
        nginx = await self.started(self.holding(evolve(self.upstream(), port=9)))
        head = f"POST / HTTP/1.1\r\nHost: {NAME}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        asked = self.converse(head.encode() + b"5\r\nhello\r\n2\r\n!!\r\n0\r\n\r\n", b"\r\n\r\n")
        await self.until_held(nginx, 1)
        await self.published(nginx, self.holding(self.upstream(2)))
        self.assertIn(b'"body": 7,', await asked)

    async def test_kept_connection_ends(self) -> None:
        """
        The only instance gets an idempotent request again that met the end of a kept connection; a POST gets 502, as it
        may have been received.
        """
        port = self.listen(Factory.forProtocol(OnceEach))
        await self.started(self.holding(Upstream(InstanceName(WEB, 1), "127.0.0.1", port)), settings={"workers": 1})
        codes = [(await self.get(NAME, method=method)).code for method in ("GET", "GET", "POST", "GET")]
        self.assertEqual(codes, [200, 200, 502, 200])

    async def test_many_away(self) -> None:
        """Of many instances that take no connection a request tries all, and so comes to the one that does."""
        away = [evolve(self.upstream(number), port=free_port()) for number in range(2, 32)]
        await self.started(self.holding(self.upstream(), *away))
        answers = await gatherResults([self.ask(), self.ask(method="POST", data=b"x" * 5000)])
        self.assertEqual([(one.code, one.seen["name"]) for one in answers], [(200, "1.web.shop")] * 2)

    async def test_always_away(self) -> None:
        """A request for which instances come that all take no connection gets our answer, and not that of nginx."""
        nginx = await self.started(evolve(self.holding(), buffer=True))
        upload = f"POST / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        asked, uploaded = self.ask(), self.converse(upload.encode(), b"\r\n\r\n")
        await self.until_held(nginx, 2)
        for _ in range(13):
            await deferLater(reactor, 0.15)
            away = self.holding(evolve(self.upstream(), port=free_port()))
            await self.published(nginx, evolve(away, buffer=True))
        answer, reason = await asked, "no instance of this service takes a connection from this node\n"
        self.assertEqual((answer.code, answer.text), (503, reason))
        self.assertRegex(await uploaded, rb"(?s)^HTTP/1.1 503 .*%b$" % reason.encode())

    async def test_deleted(self) -> None:
        """Requests for a service that is deleted while they wait end with 503, others of its host name with 404."""
        nginx = await self.started(self.holding(seconds=1))
        asked = self.ask()
        await self.until_held(nginx, 1)
        await self.published(nginx)
        self.assertEqual([(await self.get(NAME)).code, (await asked).code], [404, 503])

    async def test_nothing_known(self) -> None:
        """An nginx that was given no routes yet does not say that there is no such service."""
        nginx = self.nginx()
        nginx.startService()
        await until(lambda: nginx.status.generation)
        self.assertEqual((await self.get(NAME)).code, 503)


class PoisonTests(NginxTestCase):
    """A request that makes an instance end its connection."""

    async def test_poison(self) -> None:
        """It reaches two instances and no more, is answered 502, and others lose nothing by it."""
        resources = [Dropping(f"{number}.web.shop") for number in range(1, 6)]
        places = [self.upstream(number, resource=one) for number, one in enumerate(resources, 1)]
        await self.started(evolve(route(NAME, *places), hold=FAR))
        for times in range(1, 11):
            self.assertEqual((await self.get(NAME, "/poison")).code, 502)
            self.assertEqual(sum(one.dropped for one in resources), 2 * times)
            good = await gatherResults([Deferred.fromCoroutine(self.get(NAME)) for _ in range(20)])
            self.assertEqual({one.code for one in good}, {200})

    async def test_not_repeated(self) -> None:
        """A POST that an instance received is not sent to another one."""
        resources = [Dropping(f"{number}.web.shop") for number in (1, 2)]
        places = [self.upstream(number, resource=one) for number, one in enumerate(resources, 1)]
        await self.started(evolve(route(NAME, *places), hold=FAR))
        answer = await self.get(NAME, "/poison", method="POST", data=b"x")
        self.assertEqual((answer.code, sum(one.dropped for one in resources)), (502, 1))

    async def test_unknown_method(self) -> None:
        """Nor is a request whose method is not known to be idempotent, but one that only reads is."""
        resources = [Dropping(f"{number}.web.shop") for number in (1, 2)]
        places = [self.upstream(number, resource=one) for number, one in enumerate(resources, 1)]
        await self.started(evolve(route(NAME, *places), hold=FAR))
        for method, times in (("SUBSCRIBE", 1), ("MOVE", 1), ("PROPFIND", 2), ("DELETE", 2)):
            before = sum(one.dropped for one in resources)
            self.assertEqual((await self.get(NAME, "/poison", method=method)).code, 502)
            self.assertEqual(sum(one.dropped for one in resources) - before, times, method)

    async def test_others_first(self) -> None:
        """An instance that breaks every connection, and so is never busy, gets few requests while others are there."""
        breaking = Dropping("1.web.shop")
        await self.started(route(NAME, self.upstream(1, resource=breaking), self.upstream(2)))
        codes = [(await self.get(NAME, "/poison", method="POST", data=b"x")).code for _ in range(40)]
        self.assertEqual(breaking.dropped, codes.count(502))
        self.assertLess(breaking.dropped, 10)
