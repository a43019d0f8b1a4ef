"""Clients that come back to their instance through a real nginx."""

from __future__ import annotations

import hashlib
from collections import Counter

from attrs import evolve
from twisted.internet.defer import Deferred, gatherResults

from daprdockr.proxy.routes import Route, Upstream
from tests.rig.nginx_here import Answer, NginxTestCase, route

NAME = "web.example.com"
COOKIE = "daprdockr"


class StickyTests(NginxTestCase):
    """``Sticky``, with clients that keep their cookies."""

    def setUp(self) -> None:
        super().setUp()
        self.jars: dict[int, str] = {}

    def sticky(self, *places: Upstream, path: str = "/") -> Route:
        return evolve(route(NAME, *places), sticky=COOKIE, path=path, hold=20)

    async def ask(self, client: int) -> str:
        """The instance that a client gets; the client keeps the cookie that it receives."""
        answer = await self.get(NAME, headers={"Cookie": f"a=b; {self.jars[client]}"} if client in self.jars else {})
        if "set-cookie" in answer.headers:
            self.jars[client] = answer.headers["set-cookie"].partition(";")[0]
        name: str = answer.seen["name"]
        return name

    async def instances(self, clients: int = 30) -> dict[int, str]:
        """The instance of each client, by a request that all of them send at once."""
        found = await gatherResults([Deferred.fromCoroutine(self.ask(client)) for client in range(clients)])
        return dict(enumerate(found))

    async def test_stays(self) -> None:
        """A client comes back to its instance, and receives the cookie once."""
        await self.started(self.sticky(*(self.upstream(number) for number in (1, 2, 3))))
        first = await self.instances()
        self.assertEqual(set(first.values()), {"1.web.shop", "2.web.shop", "3.web.shop"})
        told = dict(self.jars)
        for _ in range(3):
            self.assertEqual(await self.instances(), first)
        self.assertEqual(self.jars, told)

    async def test_cookie(self) -> None:
        """The cookie is for the path of the route; an answer that names the same instance again sets none."""
        place = self.upstream()
        await self.started(self.sticky(place, path="/a b;c"), route(NAME, place))
        first = await self.get(NAME, "/a%20b%3Bc/x")
        cookie = first.headers["set-cookie"]
        self.assertRegex(cookie, r"\Adaprdockr=[0-9a-f]{16}; Path=/a%20b%3Bc; HttpOnly; SameSite=Lax\Z")
        again = await self.get(NAME, "/a%20b%3Bc/x", headers={"Cookie": cookie.partition(";")[0]})
        self.assertNotIn("set-cookie", again.headers)
        self.assertNotIn("set-cookie", (await self.get(NAME, "/other")).headers)

    async def test_others_change(self) -> None:
        """Instances that come and go move only the clients of those that go."""
        places = [self.upstream(number) for number in range(1, 6)]
        nginx = await self.started(self.sticky(*places[:3]))
        first = await self.instances()
        await self.published(nginx, self.sticky(*places))
        self.assertEqual(await self.instances(), first)
        await self.published(nginx, self.sticky(*places[1:]))
        moved = await self.instances()
        stayed = {client: name for client, name in first.items() if name != "1.web.shop"}
        self.assertEqual({client: moved[client] for client in stayed}, stayed)
        self.assertNotIn("1.web.shop", moved.values())
        await self.published(nginx, self.sticky(*places))
        self.assertEqual(await self.instances(), moved)

    async def test_all_at_once(self) -> None:
        """Requests that a client sends at once after its instance went find the same other one, and clients spread."""
        places = [self.upstream(number) for number in range(1, 6)]
        nginx = await self.started(self.sticky(places[0]))
        cookies = [f"{COOKIE}={number}" for number in range(60)]
        await self.published(nginx, self.sticky(*places))
        answers: list[list[Answer]] = [
            await gatherResults([Deferred.fromCoroutine(self.get(NAME, headers={"Cookie": one})) for _ in range(2)])
            for one in cookies
        ]
        names = [{answer.seen["name"] for answer in some} for some in answers]
        self.assertEqual({len(some) for some in names}, {1})
        self.assertEqual(len(Counter(name for some in names for name in some)), 5)

    async def test_takes_no_connection(self) -> None:
        """While its instance takes no connection a client gets another one, and stays with that."""
        dead = evolve(self.upstream(1), port=9)
        places = [self.upstream(2), self.upstream(3)]
        nginx = await self.started(self.sticky(dead))
        self.jars[0] = self.mark(dead)
        await self.published(nginx, self.sticky(dead, *places))
        names = {await self.ask(0) for _ in range(4)}
        self.assertEqual(len(names), 1)
        self.assertIn(names.pop(), ("2.web.shop", "3.web.shop"))

    def mark(self, place: Upstream) -> str:
        """A cookie that names this endpoint, as ``sticky.lua`` makes it."""
        text = f"{place.instance.service} {place.address}:{place.port}"
        return f"{COOKIE}={hashlib.md5(text.encode()).hexdigest()[:16]}"

    async def test_hostile_cookies(self) -> None:
        """A client is answered with any value of the cookie."""
        await self.started(self.sticky(self.upstream(1), self.upstream(2)))
        for value in ("", "x" * 4000, "~", "\u00ff;", '"', "%00", "a=b", "[" * 100):
            answer = await self.get(NAME, headers={"Cookie": f"{COOKIE}={value}"})
            self.assertEqual((answer.code, "set-cookie" in answer.headers), (200, True), value)
