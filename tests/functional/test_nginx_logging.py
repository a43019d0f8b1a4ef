"""The access log of a real nginx."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from attrs import evolve
from twisted.internet.defer import gatherResults

from daprdockr.proxy.clients import HttpClients
from daprdockr.proxy.nginx import Nginx
from daprdockr.proxy.routes import Upstream
from tests.rig.nginx_here import WEB, NginxTestCase, route, until

NAME = "web.example.com"


async def holds(nginx: Nginx, requests: int) -> bool:
    return (await nginx.door.counts()).get("held", 0) == requests


class LoggingTests(NginxTestCase):
    """One line of JSON for each request."""

    async def lines(self, count: int) -> list[dict[str, Any]]:
        """That many lines, as soon as they are written: nginx keeps them for a second."""
        path = self.directory / "access.log"
        await until(lambda: path.read_bytes().count(b"\n") >= count)
        return [json.loads(line) for line in path.read_bytes().decode("utf-8").splitlines()]

    async def logging(self, *upstreams: Upstream) -> None:
        """An nginx with one worker: each writes the lines of its own requests, and no order holds between two."""
        trusting, log = HttpClients(trusted=("127.0.0.0/8",)), self.directory / "access.log"
        await self.started(route(NAME, *upstreams), clients=trusting, access_log=log, settings={"workers": 1})

    async def test_line(self) -> None:
        """It says who asked for what, what came of it, and which instance answered after how many tries."""
        dead = evolve(self.upstream(1), port=9)
        await self.logging(dead)
        await self.get(NAME, "/none")
        await self.get("no.example.com", "/unknown?a=b")
        lines = await self.lines(2)
        self.assertEqual([line["status"] for line in lines], [503, 404])
        self.assertEqual([line["service"] for line in lines], [str(WEB), ""])
        self.assertEqual((lines[0]["tries"], lines[0]["instance"]), (1, "1.web.shop"))
        self.assertEqual((lines[1]["tries"], lines[1]["instance_seconds"]), (0, None))

    async def test_refused(self) -> None:
        """It has the method and the service of a request, also where nginx answers with a page of ours."""
        bounded, log = (
            evolve(route(NAME, self.upstream(1)), max_body=10, max_header=1000),
            self.directory / "access.log",
        )
        await self.started(bounded, access_log=log, settings={"workers": 1})
        await self.get(NAME, method="PUT", data=b"x" * 11)
        await self.get(NAME, method="DELETE", headers={"X-Long": "x" * 1000})
        await self.get(NAME, method="PATCH", headers={"X-Real_IP": "192.0.2.7", "X.Real.IP": "192.0.2.7"})
        lines = await self.lines(3)
        self.assertEqual(
            [(line["method"], line["status"]) for line in lines], [("PUT", 413), ("DELETE", 431), ("PATCH", 400)]
        )
        self.assertEqual({line["service"] for line in lines}, {str(WEB)})

    async def test_of_an_answer(self) -> None:
        """Sizes and times are numbers, the client is the real one, the time is in UTC with milliseconds."""
        await self.logging(self.upstream(1))
        await self.get(NAME, "/path?q=1", method="POST", data=b"x", headers={"X-Forwarded-For": "192.0.2.7"})
        line = (await self.lines(1))[0]
        expected = {"client": "192.0.2.7", "host": NAME, "method": "POST", "path": "/path?q=1", "status": 200}
        expected |= {"service": str(WEB), "instance": "1.web.shop", "tries": 1}
        self.assertEqual({name: line[name] for name in expected}, expected)
        self.assertRegex(line["time"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
        for name in ("bytes", "seconds", "instance_seconds"):
            self.assertIsInstance(line[name], int | float)

    async def test_no_answer(self) -> None:
        """Requests that nginx ends without an answer, as old workers do after a reload, have the status 0."""
        waiting, log = evolve(route(NAME), hold=20.0), self.directory / "access.log"
        limits = {"workers": 1, "shutdown_timeout": 1}
        nginx = await self.started(waiting, access_log=log, settings=limits)
        requests = f"GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n", f"GET http://{NAME}/\r\n"
        asked = gatherResults([self.converse(request.encode(), b"\r\n") for request in requests])
        await until(lambda: holds(nginx, len(requests)))
        assert nginx.pid is not None
        os.kill(nginx.pid, signal.SIGHUP)
        self.assertEqual(await asked, [b"", b""])
        lines = await self.lines(2)
        self.assertEqual([(line["status"], line["path"]) for line in lines], [(0, "/")] * 2)

    async def test_hostile(self) -> None:
        """Each line is JSON in UTF-8 and is one line, for any bytes that a client sends."""
        await self.logging(self.upstream(1))
        requests = [
            b'GET /"},{"status":200\\u0000\xff\xfe\xc3 HTTP/1.1\r\nHost: web.example.com\r\n',
            b'GET / HTTP/1.1\r\nHost: w\xe9b"\\.example.com\r\n',
            b"GET /\xc3\xbc HTTP/1.1\r\nHost: web.example.com\r\n",
            b"GET /\x01\x7f HTTP/1.1\r\nHost: web.example.com\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n",
            b'GET /%0a%22 HTTP/1.1\r\nHost: web.example.com\r\nX-Forwarded-For: "}\r\n',
            b"GET /" + b"u" * 80_000 + b" HTTP/1.1\r\nHost: web.example.com\r\n",
        ]
        for request in requests:
            await self.converse(request + b"Connection: close\r\n\r\n", b"\r\n\r\n")
        lines = await self.lines(len(requests))
        self.assertEqual(len(lines), len(requests))
        self.assertIn("/%C3%BC", {line["path"] for line in lines})
        self.assertEqual({line["status"] for line in lines}, {200, 400, 404, 414})
