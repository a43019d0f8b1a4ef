"""Definitions that try to be more than definitions, on their way into a real nginx."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from daprdockr.model.errors import BadInput
from daprdockr.model.names import ServiceName
from daprdockr.model.wanted.definition import Definition
from daprdockr.proxy.routes import Upstream
from daprdockr.proxy.routing import HttpEntry, HttpService, routing
from tests.rig.nginx_here import NginxTestCase, route

MARK = "dangerous"
SHAPES = (
    *("{}; location /y { alias /etc/; }", "{};", "{}}", "} {}", '{}"', "{}'", "'{}'; return 200", '";{};"', "{} "),
    *("{}\n", "\r\n{}: x", "{}\r\nSet-Cookie: a=b", "{}\0", "{}\t", "\x1b[2J{}", "{}\x7f", "{}\u2028", "\u202e{}"),
    *("{}$host", "$$({})", "${{}}", "{}\\", "\\{}", "{}#", "#{}", "{}?a=b", "{}%00", "{}%0d%0a", "%{}", "{}%2f..%2f"),
    *("../../{}", "/../{}", "//{}", "/{}/../..", "{}/./", "file:///{}", "http://{}/", "[::1]{}", "{}:80", "@{}"),
    *("~^{}$", "~*{}", "= {}", "^~ {}", "*.*.{}", "*{}", "{}.*", "-{}-", ".{}", "{}..x", "_", "xn--{}\u00fc"),
    *("{{ {} }}", "{% {} %}", "]]{}", "{}]]..os.exit()", "--[[{}", "\\'..{}..\\'", "\ud800{}", "\u00fc" * 300 + "{}"),
    *("{}" + "x" * 300, "{},{}", "", " ", "/", "{}" * 5000, "{}\u212a", "{}@x"),
)
HOSTILE = tuple(shape.replace("{}", MARK) for shape in SHAPES)


def definitions(text: str) -> Iterator[dict[str, Any]]:
    """Definitions that have the text in one place each, at its beginning or below a good beginning."""
    http = {"HostName": "good.test", "ContainerPort": "8080", "Hold": 0}
    for given in (text, f"a.{text}", f"{text}.test", f"/{text}", f"/a/{text}/b"):
        for changed in ({"HostName": given}, {"Path": given, "StripPath": True}, {"Sticky": given}, {given: 1}):
            yield {"Http": {**http, **changed}}
            yield {"Http": [{**http, "Path": "/other"}, {**http, **changed}]}
        yield {"Http": http, "Health": {"Type": "http", "Path": given, "Host": given, "Headers": {given: given}}}
        yield {"Http": http, "Name": given}
        yield {"Http": http, "Container": {"Image": given, "Env": [given], "Labels": {given: given}, "Cmd": [given]}}


class HostileTests(NginxTestCase):
    """No text of a definition becomes a text of nginx."""

    def read(self, members: dict[str, Any]) -> Definition | None:
        """The definition, or None if it is refused, in one line."""
        whole = {"Name": "bad", "Group": "shop", "Container": {"Image": "x"}} | members
        try:
            return Definition.read(whole)
        except BadInput as error:
            self.assertTrue(str(error).isprintable() and len(str(error)) < 400, str(error))
            return None

    async def test_strings(self) -> None:
        """Each is refused with one line, or routed as data: nginx goes on as it was, and no file of it shows one."""
        self.assertGreaterEqual(len(HOSTILE), 60)
        nginx = await self.started(good := route("good.test", self.upstream()))
        before = self.configuration()
        read = [self.read(members) for text in HOSTILE for members in definitions(text)]
        services = [
            HttpService(ServiceName("shop", f"bad{number}"), self.entries(definition), number)
            for number, definition in enumerate(read)
            if definition is not None
        ]
        self.assertGreater(len(services), 100)
        await self.published(nginx, *routing(services).routes, good)
        self.assertTrue(await self.serves("good.test"))
        for target in ("/", f"/{MARK}", f"/{MARK};/x", f"/a/{MARK}%22;/b"):
            self.assertIn((await self.get("good.test", target)).code, (200, 502, 503))
        self.assertEqual(self.configuration(), before)
        self.assertNotIn(MARK, "".join(before.values()))
        self.assertEqual((nginx.status.failures, nginx.status.reason), (0, ""))

    def entries(self, definition: Definition) -> tuple[HttpEntry, ...]:
        nowhere = Upstream(self.upstream().instance, "127.0.0.1", 9)
        return tuple(HttpEntry(http, (nowhere,)) for http in definition.http)

    def configuration(self) -> dict[str, str]:
        """The texts that nginx reads, by name; ``routes.json`` is no such text: Lua reads it as data."""
        return {path.name: path.read_text() for path in self.directory.glob("*.conf")}

    async def test_many_names(self) -> None:
        """A definition of 200 kB of host names is refused with one line, or served, and then nothing else suffers."""
        short = ",".join(f"{number:x}.a" for number in range(200_000 // 6))
        self.assertIsNone(self.read({"Http": {"HostName": short, "ContainerPort": 80}}))
        long = ",".join(f"h{number}.{MARK}.example.com" for number in range(200_000 // 28))
        many = self.read({"Http": {"HostName": long, "ContainerPort": 80, "Hold": 0}})
        assert many is not None
        self.assertLess(len(json.dumps(many.write())), 256 * 1024)
        nginx = await self.started(good := route("good.test", self.upstream()))
        before = self.configuration()
        service = HttpService(many.name, tuple(HttpEntry(http) for http in many.http), 1)
        await self.published(nginx, *routing([service]).routes, good)
        self.assertTrue(await self.serves("good.test"))
        self.assertEqual((await self.get(f"h7.{MARK}.example.com")).code, 503)
        self.assertEqual(self.configuration(), before)
        self.assertEqual(nginx.status.failures, 0)
