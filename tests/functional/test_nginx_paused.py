"""Requests to a real nginx for services that an operator paused."""

from __future__ import annotations

import resource
import socket
from contextlib import ExitStack
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from daprdockr.model.names import ServiceName
from daprdockr.model.stored.pause import MAX_PAGE, PauseMode, PauseRecord
from daprdockr.proxy.clients import HttpClients
from daprdockr.proxy.routes import Route
from daprdockr.proxy.routing import PAUSED
from tests.rig.nginx_here import Answer, NginxTestCase, route, until

NAME, OTHER = "web.example.com", "api.example.com"
API = ServiceName(group="shop", service="api")
CROWD = 1100
"""More requests than a worker lets wait."""
PLAIN = "this service is under maintenance\n"


def maintenance(page: str = "") -> PauseRecord:
    return PauseRecord(PauseMode.MAINTENANCE, page)


class PausedTests(NginxTestCase):
    """A service with a healthy instance, and another one that is not paused."""

    seconds = PAUSED

    def routes(self, pause: PauseRecord | None) -> list[Route]:
        web = evolve(route(NAME, self.place), pause=pause, hold=self.seconds if pause else 0.0)
        return [web, evolve(web, path="/sub", pool="web.shop:81"), route(OTHER, self.other, service=API)]

    async def begun(self, pause: PauseRecord | None = None, **more: Any) -> Any:
        self.place, self.other = self.upstream(), self.upstream(service=API)
        return await self.started(*self.routes(pause), **more)

    def ask(self, path: str = "/", **more: Any) -> Deferred[Answer]:
        return Deferred.fromCoroutine(self.get(NAME, path, **more))

    async def test_held(self) -> None:
        """Requests of all paths wait although there is an instance, those of other services pass; resumed, all go."""
        nginx = await self.begun()
        self.assertEqual((await self.get(NAME)).code, 200)
        await self.published(nginx, *self.routes(PauseRecord()))
        asked = gatherResults([self.ask(), self.ask("/sub/x"), self.ask(method="POST", data=b"x" * 5000)])
        self.assertEqual((await self.get(OTHER)).code, 200)
        await deferLater(reactor, 0.5)
        self.assertFalse(asked.called)
        await self.published(nginx, *self.routes(None))
        self.assertEqual([(one.code, one.seen["body"]) for one in await asked], [(200, 0), (200, 0), (200, 5000)])

    async def test_not_for_ever(self) -> None:
        """When the time is over a request gets 503, the reason, and when to come back."""
        self.seconds = 0.3
        nginx = await self.begun(PauseRecord())
        answer = await self.get(NAME)
        self.assertEqual((answer.code, answer.headers["retry-after"]), (503, "1"))
        self.assertEqual(answer.text, "this service is paused\n")
        self.assertEqual(await nginx.door.counts(), {"held": 1, "retried": 0, "unserved": 0, "paused": 1})

    async def test_maintenance(self) -> None:
        """Each request is answered at once with the page, whatever it contains, and no browser guesses its type."""
        nginx = await self.begun()
        html, text = "text/html; charset=utf-8", "text/plain; charset=utf-8"
        for page, kind in (
            ("\n<!DOCTYPE html>\n<p>\u20ac \U0001f600 $host {{ x }} %s </p>", html),
            ('back at 5 "}; return 200;\n', text),
            ("<" + "\u20ac" * (MAX_PAGE // 3), html),
        ):
            await self.published(nginx, *self.routes(maintenance(page)))
            for answer in (await self.get(NAME), await self.get(NAME, method="POST", data=b"x" * 200_000)):
                self.assertEqual((answer.code, answer.headers["content-type"], answer.text), (503, kind, page))
                self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
                self.assertEqual(answer.headers["cache-control"], "no-store")
                self.assertIn("retry-after", answer.headers)
        self.assertEqual((await self.get(OTHER)).code, 200)
        await self.published(nginx, *self.routes(None))
        self.assertEqual((await self.get(NAME)).code, 200)
        self.assertEqual(await nginx.door.counts(), {"held": 0, "retried": 0, "unserved": 0, "paused": 6})

    async def test_no_page(self) -> None:
        """Without a page the usual ones say what is the matter, to browsers as well."""
        await self.begun(maintenance())
        self.assertEqual((await self.get(NAME)).text, PLAIN)
        page = await self.get(NAME, "/sub", headers={"Accept": "text/html"})
        self.assertIn("<p>This service is under maintenance.</p>", page.text)

    async def test_changed_while_waiting(self) -> None:
        """Requests that wait get the page as soon as a maintenance takes the place of the pause."""
        nginx = await self.begun(PauseRecord())
        asked = gatherResults([self.ask(), self.ask("/sub")])
        await deferLater(reactor, 0.3)
        self.assertFalse(asked.called)
        await self.published(nginx, *self.routes(maintenance("soon")))
        self.assertEqual([(one.code, one.text) for one in await asked], [(503, "soon")] * 2)

    async def test_restarted(self) -> None:
        """An nginx that starts without an agent's word serves the page, and not the one of a pause that is over."""
        nginx = await self.begun(maintenance("soon"))
        kept = self.directory / "routes.json"
        await until(lambda: kept.exists() and b"soon" in kept.read_bytes())
        await self.end(nginx)
        again = self.nginx()
        again.startService()
        await until(lambda: again.status.generation)
        self.assertEqual((await self.get(NAME)).text, "soon")
        await self.published(again, *self.routes(None))
        self.assertEqual((await self.get(NAME)).code, 200)
        await self.published(again, *self.routes(maintenance()))
        self.assertEqual((await self.get(NAME)).text, PLAIN)

    async def test_leaves_room(self) -> None:
        """However many requests wait for a paused service, those of another one have room to wait."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * CROWD)), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        nginx = await self.begun(PauseRecord(), settings={"workers": 1}, clients=HttpClients(under_way=500))
        later = evolve(route(OTHER, service=API), hold=20.0)
        await self.published(nginx, *self.routes(PauseRecord())[:2], later)
        with ExitStack() as opened:
            for number in range(CROWD):
                client = opened.enter_context(socket.socket())
                client.settimeout(30)
                client.bind((f"127.0.1.{1 + number // 400}", 0))  # an address may have no more than 500 under way
                client.connect(("127.0.0.1", self.port))
                client.sendall(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % NAME.encode())
            self.assertIn(b" 503 ", await deferToThread(client.recv, 100))
            asked = Deferred.fromCoroutine(self.get(OTHER))
            await deferLater(reactor, 0.5)
            self.assertFalse(asked.called)
            await self.published(nginx, *self.routes(PauseRecord()))
            self.assertEqual((await asked).code, 200)
