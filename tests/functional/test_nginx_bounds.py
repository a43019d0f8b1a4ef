"""The sizes of requests that a real nginx takes, and how long it waits for an answer, where a route states them."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.web.client import ResponseNeverReceived
from twisted.web.server import NOT_DONE_YET

from tests.rig.nginx_here import Echo, NginxTestCase, route

NAME = "web.example.com"


class Counted(Echo):
    """Counts the requests that arrive."""

    arrived = 0

    def render(self, request: Any) -> bytes:
        self.arrived += 1
        return super().render(request)


class Steady(Counted):
    """Sends a piece of its answer each half second, six altogether."""

    def render(self, request: Any) -> Any:
        Deferred.fromCoroutine(self.answer(request))
        return NOT_DONE_YET

    async def answer(self, request: Any) -> None:
        for _ in range(6):
            await deferLater(reactor, 0.5)
            request.write(b".")
        request.finish()


class Mute(Counted):
    """Begins an answer for ``/begun``, and says nothing more."""

    def render(self, request: Any) -> Any:
        super().render(request)
        if request.path == b"/begun":
            request.write(b"some")
        return NOT_DONE_YET


class TimeoutTests(NginxTestCase):
    """``Timeout``."""

    async def test_no_answer(self) -> None:
        """An instance that does not answer in time is answered for with 504; no other gets the request as well."""
        instances = [Mute(f"{number}.web.shop") for number in (1, 2)]
        places = [self.upstream(number, resource=one) for number, one in enumerate(instances, 1)]
        await self.started(evolve(route(NAME, *places), timeout=0.2, hold=20))
        for times, method in enumerate(("GET", "POST", "GET"), 1):
            answer = await self.get(NAME, method=method, data=b"x" if method == "POST" else None)
            self.assertEqual((answer.code, answer.text), (504, "the instance of this service did not answer in time\n"))
            self.assertEqual(sum(one.arrived for one in instances), times)

    async def test_not_to_the_end(self) -> None:
        """An answer that stands still is cut off after that time, so that the client sees its end is missing."""
        place = self.upstream(resource=Mute("1.web.shop"))
        await self.started(evolve(route(NAME, place), timeout=1.5))
        answer = await self.converse(f"GET /begun HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode(), b"some")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"4\r\nsome\r\n"), answer)

    async def test_slow_but_steady(self) -> None:
        """An answer that comes piece by piece may take longer: the time is that between two pieces."""
        place = self.upstream(resource=Steady("1.web.shop"))
        await self.started(evolve(route(NAME, place), timeout=2.5))
        self.assertEqual((await self.get(NAME)).text, "." * 6)

    async def test_of_a_route(self) -> None:
        """Each route has its own."""
        place = self.upstream(resource=Mute("1.web.shop"))
        await self.started(evolve(route("quick.test", place), timeout=0.2), route(NAME, place))
        never = Deferred.fromCoroutine(self.get(NAME))
        self.assertEqual((await self.get("quick.test")).code, 504)
        self.assertFalse(never.called)
        never.addErrback(lambda failure: failure.trap(CancelledError, ResponseNeverReceived)).cancel()


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
