"""Which paths of a host name a real nginx takes where, and what an instance sees of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.proxy.routes import Route, Upstream
from tests.rig.nginx_here import WEB, NginxTestCase, route

NAME = "web.example.com"


class PathTestCase(NginxTestCase):
    """Services of the group ``shop`` by their names, each with one instance that answers what it saw."""

    def setUp(self) -> None:
        super().setUp()
        self.places: dict[ServiceName, Upstream] = {}

    def to(self, service: str, path: str = "/", host: str = NAME, **more: Any) -> Route:
        """A route to a service, which is begun if it is new."""
        name = ServiceName(group="shop", service=service)
        if name not in self.places:
            self.places[name] = self.upstream(service=name)
        return Route(host, name, (self.places[name],), path=path, **more)

    async def seen(self, target: str, host: str = NAME) -> Mapping[str, Any]:
        """The request with this target, sent as it stands here, as an instance saw it; empty for a 404."""
        request = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        answer = await self.converse(request.encode(), b"\r\n\r\n")
        if answer.startswith(b"HTTP/1.1 404 "):
            return {}
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
        seen: Mapping[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
        return seen

    async def assert_led(self, expected: Mapping[str, str], host: str = NAME) -> None:
        """Each target leads to the service, and arrives there byte for byte; "" is none."""
        for target, service in expected.items():
            seen = await self.seen(target, host)
            self.assertEqual(seen.get("name", ""), service and f"1.{service}.shop", target)
            if service:
                self.assertEqual(seen["path"], target)


class PathTests(PathTestCase):
    """Which service a path leads to."""

    async def test_longest(self) -> None:
        """The longest path wins, whatever the order, and ends where a segment ends."""
        await self.started(
            self.to("web"), self.to("old", "/api/v1"), self.to("api", "/api"), self.to("deep", "/a/b/c/d")
        )
        await self.assert_led(
            {
                "/": "web",
                "/apix": "web",
                "/API": "web",
                "/api": "api",
                "/api?x=/api/v1": "api",
                "/api/": "api",
                "/api/v10": "api",
                "/api/v1": "old",
                "/api/v1/x?y": "old",
                "/a/b/c": "web",
                "/a/b/c/d/e/f": "deep",
            }
        )

    async def test_as_nginx_reads_it(self) -> None:
        """Paths are compared decoded, without dot segments and double slashes; instances get the path as sent."""
        await self.started(self.to("web"), self.to("api", "/api"), self.to("book", "/b\u00fccher"))
        await self.assert_led(
            {
                "//api///x": "api",
                "/./api/./x": "api",
                "/x/../api/y": "api",
                "/x/%2e%2E/api": "api",
                "/%61pi/%2F?q=%2F": "api",
                "/api%2Fx": "api",
                "/api%3Fx": "web",
                "/api;x=1": "web",
                "/api/../web": "web",
                "/api/..%2fweb": "web",
                "/b%C3%BCcher/x": "book",
                "/b%c3%bccher": "book",
                "/b%FCcher": "web",
            }
        )

    async def test_no_such_path(self) -> None:
        """A path that nobody claims gets 404, unless a less specific host name has it."""
        await self.started(
            self.to("api", "/api"), self.to("any", host="*.example.com"), self.to("other", "/x", host="x.test")
        )
        await self.assert_led({"/api/x": "api", "/other": "any"})
        await self.assert_led({"/x/y": "other", "/": "", "/y": ""}, host="x.test")
        await self.assert_led({"/x": ""}, host="a." * 2000 + "x.test")

    async def test_no_name(self) -> None:
        """A host that is no name is none of a ``*.`` name's: in a URL of the service it could be another host."""
        await self.started(self.to("any", host="*.example.com"))
        for host in ("a.example.com", "a_b.c-d.example.com:81", "XN--p1ai.example.com.", "_x.example.com"):
            await self.assert_led({"/": "any"}, host=host)
        for sign in "?#@\\<\"'&%;,$ü":
            await self.assert_led({"/": ""}, host=f"evil.test{sign}.example.com")
        await self.assert_led({"/": ""}, host=".example.com")

    async def test_changes(self) -> None:
        """Paths come and go with the routes."""
        web, api = self.to("web"), self.to("api", "/api")
        nginx = await self.started(web)
        await self.assert_led({"/api": "web"})
        await self.published(nginx, web, api)
        await self.assert_led({"/api": "api", "/": "web"})
        await self.published(nginx, api)
        await self.assert_led({"/api": "api", "/": ""})

    async def test_another_port(self) -> None:
        """Two entries of a service lead to instances of its own at different ports."""
        first, other = self.upstream(1), self.upstream(2)
        await self.started(route(NAME, first), Route(NAME, WEB, (other,), path="/metrics", pool="web.shop:9000"))
        names = [(await self.seen(target))["name"] for target in ("/", "/metrics", "/metric")]
        self.assertEqual(names, ["1.web.shop", "2.web.shop", "1.web.shop"])


class StrippedTests(PathTestCase):
    """The rest of a path that is stripped."""

    async def test_stripped(self) -> None:
        """The rest arrives byte for byte, except where nginx had to resolve slashes or dots in it."""
        await self.started(
            self.to("web"), self.to("api", "/api", strip_path=True), self.to("book", "/b\u00fccher", strip_path=True)
        )
        for target, arrives in [
            ("/api", "/"),
            ("/api?x=1", "/?x=1"),
            ("/api/", "/"),
            ("/api/a/b?c=/api/d?e", "/a/b?c=/api/d?e"),
            ("/api/api", "/api"),
            ("/api/%61%2Fb+c;d", "/%61%2Fb+c;d"),
            ("/%61pi/a%20b", "/a%20b"),
            ("/api%2Fx", "/x"),
            ("/api//evil.test/x", "/evil.test/x"),
            ("//api/x", "/x"),
            ("/api/../api/x", "/x"),
            ("/api/x/..%2f..%2fapi", "/"),
            ("/api/./x%20y?z", "/x%20y?z"),
            ("/b%C3%BCcher/%61", "/%61"),
            ("/b%c3%bccher/%61", "/a"),
            ("/other", "/other"),
        ]:
            self.assertEqual((await self.seen(target))["path"], arrives, target)

    async def test_told(self) -> None:
        """An instance receives the stripped prefix in a header; a client's header of that name is not passed on."""
        await self.started(self.to("web"), self.to("api", "/a b", strip_path=True))
        answers = [await self.get(NAME, path, headers={"X-Forwarded-Prefix": "/x"}) for path in ("/a%20b/c", "/c")]
        prefixes = [answer.seen["headers"].get("x-forwarded-prefix") for answer in answers]
        self.assertEqual(prefixes, [["/a%20b"], None])

    async def test_repeated(self) -> None:
        """A request that no instance took at first is stripped once, wherever it goes then."""
        dead, there = Upstream(InstanceName(WEB, 1), "127.0.0.1", 9), self.upstream(2)
        stripped = Route(NAME, WEB, (dead,), path="/api", strip_path=True, hold=20)
        nginx = await self.started(stripped)
        held = Deferred.fromCoroutine(self.seen("/api/a%2Fb"))
        await deferLater(reactor, 0.2)
        self.assertFalse(held.called)
        await self.published(nginx, evolve(stripped, upstreams=(dead, there)))
        self.assertEqual((await held)["path"], "/a%2Fb")
        for _ in range(4):
            self.assertEqual((await self.seen("/api/%61"))["path"], "/%61")
