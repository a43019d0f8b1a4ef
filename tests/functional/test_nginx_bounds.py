"""What a real nginx takes of a request, and how long it waits for an answer, where a route says so."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from tests.rig.nginx_here import Echo, NginxTestCase, route

NAME = "web.example.com"


class Counted(Echo):
    """Counts the requests that arrive."""

    arrived = 0

    def render(self, request: Any) -> bytes:
        self.arrived += 1
        return super().render(request)


class BodyTests(NginxTestCase):
    """``MaxBody``."""

    async def bounded(self, most: int = 1000) -> Counted:
        """An instance behind a route whose bodies have at most so many bytes."""
        instance = Counted("1.web.shop")
        await self.started(evolve(route(NAME, self.upstream(resource=instance)), max_body=most))
        return instance

    async def test_length(self) -> None:
        """A body of that many bytes passes; one more is refused before any of it is passed on."""
        instance = await self.bounded()
        answers = [await self.get(NAME, method="POST", data=b"x" * size) for size in (0, 1000, 1001, 3_000_000)]
        self.assertEqual([answer.code for answer in answers], [200, 200, 413, 413])
        self.assertEqual(answers[1].seen["body"], 1000)
        self.assertEqual(answers[2].text, "the body of this request is larger than this service takes\n")
        self.assertEqual(instance.arrived, 2)

    async def test_not_sent(self) -> None:
        """A client that waits for permission does not get it, and the connection ends after the answer."""
        await self.bounded()
        head = f"POST / HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 9999\r\nExpect: 100-continue\r\n\r\n"
        answer = await self.converse(head.encode(), b"takes\n", b"x" * 9999)
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer)
        self.assertIn(b"Connection: close", answer)

    async def test_no_length(self) -> None:
        """A body without a length is refused: nothing else bounds it."""
        instance = await self.bounded()
        head = f"POST / HTTP/1.1\r\nHost: {NAME}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        answer = await self.converse(head.encode() + b"1\r\nx\r\n0\r\n\r\n", b"\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 411 "), answer)
        self.assertIn(b"without a Content-Length", answer)
        self.assertEqual(instance.arrived, 0)
