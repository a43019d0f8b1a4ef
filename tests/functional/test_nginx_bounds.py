"""The sizes of requests that a real nginx takes, and how long it waits for an answer, where a route states them."""

from __future__ import annotations

import json
import socket
from functools import partial
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.web.client import ResponseNeverReceived
from twisted.web.server import NOT_DONE_YET

from daprdockr.model.wanted.http import MOST_BUFFERED
from daprdockr.proxy.clients import HttpClients
from tests.rig.nginx_here import Echo, NginxTestCase, route, until

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
            await until(partial(self.has_arrived, instances, times))
            self.assertEqual(sum(one.arrived for one in instances), times)

    def has_arrived(self, instances: list[Mute], times: int) -> bool:
        """Whether the requests did; on a slow machine one comes here after nginx's answer that it took too long."""
        return sum(one.arrived for one in instances) >= times

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


class BufferTests(NginxTestCase):
    """``Buffer``."""

    async def begun(self, most: int = 0, **more: Any) -> Counted:
        instance = Counted("1.web.shop")
        to_it = evolve(route(NAME, self.upstream(resource=instance)), buffer=True, max_body=most, **more)
        await self.started(to_it, settings={"workers": 1}, clients=HttpClients(trusted=("127.0.0.0/8",)))
        return instance

    def head(self, path: str = "/", sender: str = "127.0.0.1") -> bytes:
        lines = (f"POST {path} HTTP/1.1", f"Host: {NAME}", "Transfer-Encoding: chunked", "Connection: close")
        return "\r\n".join((*lines, f"X-Forwarded-For: {sender}", "", "")).encode()

    async def chunked(self, size: int, path: str = "/", sender: str = "127.0.0.1") -> bytes:
        """The answer to a body of that many bytes, in chunks of 10,000."""
        whole, rest = divmod(size, 10_000)
        body = b"".join(b"%x\r\n%b\r\n" % (part, b"x" * part) for part in (*[10_000] * whole, rest) if part)
        return await self.converse(self.head(path, sender) + body + b"0\r\n\r\n", b"}")

    async def test_length(self) -> None:
        """A chunked body arrives whole and with its length, up to 16 MiB, below a stripped path too."""
        await self.begun(path="/api", strip_path=True)
        for size in (1, 5_000_000, MOST_BUFFERED):
            seen = json.loads((await self.chunked(size, "/api/x")).partition(b"\r\n\r\n")[2])
            self.assertEqual((seen["body"], seen["headers"].get("content-length")), (size, [str(size)]))
            self.assertEqual((seen["path"], "transfer-encoding" in seen["headers"]), ("/x", False))

    async def test_with_length(self) -> None:
        """A body that has a length passes, large or small; so does a request without one."""
        await self.begun()
        for size in (0, 10, 5_000_000):
            self.assertEqual((await self.get(NAME, method="POST", data=b"x" * size)).seen["body"], size)
        self.assertEqual((await self.get(NAME)).code, 200)

    async def test_slow(self) -> None:
        """A client that sends slowly occupies no instance: one gets the request when all of it is there."""
        instance = await self.begun()
        with socket.create_connection(("127.0.0.1", self.port)) as stream:
            stream.sendall(self.head() + b"5\r\nabcde\r\n")
            await deferLater(reactor, 0.5)
            self.assertEqual(instance.arrived, 0)
            stream.sendall(b"0\r\n\r\n")
            await until(lambda: instance.arrived == 1)

    async def test_too_large(self) -> None:
        """A body beyond ``MaxBody``, or 16 MiB without it, is refused with 413, whether its length is known or not."""
        instance = await self.begun(most=200_000)
        self.assertEqual((await self.get(NAME, method="POST", data=b"x" * 200_001)).code, 413)
        for size in (200_001, MOST_BUFFERED + 1):
            answer = await self.chunked(size)
            self.assertIn(b" 413 ", answer.partition(b"\r\n")[0])
            self.assertIn(b"larger than this service takes", answer)
        self.assertEqual(instance.arrived, 0)
        self.assertIn(b" 200 ", (await self.chunked(200_000)).partition(b"\r\n")[0])

    async def test_without_limit(self) -> None:
        """Without ``MaxBody`` a body has 16 MiB at most."""
        await self.begun()
        self.assertEqual((await self.get(NAME, method="POST", data=b"x" * (MOST_BUFFERED + 1))).code, 413)

    async def test_tiny_chunks(self) -> None:
        """A body whose chunks take more room than there is for one, around their bytes, is refused with 413."""
        await self.begun()
        answer = await self.converse(self.head() + b"1\r\nx\r\n" * 4_500_000 + b"0\r\n\r\n", b"chunks")
        self.assertIn(b" 413 ", answer.partition(b"\r\n")[0])
        self.assertIn(b"in so small chunks", answer)
        self.assertIn(b" 200 ", (await self.chunked(1)).partition(b"\r\n")[0])

    async def test_held(self) -> None:
        """A buffered request waits for an instance, and is given to another one if the first takes no connection."""
        dead = evolve(self.upstream(), port=9)
        nginx = await self.started(evolve(route(NAME, dead), buffer=True, hold=20.0))
        asked = Deferred.fromCoroutine(self.chunked(300_000))
        await deferLater(reactor, 0.5)
        await self.published(nginx, evolve(route(NAME, self.upstream(2)), buffer=True, hold=20.0))
        self.assertIn(b'"body": 300000', await asked)

    async def test_bounded(self) -> None:
        """As many chunked bodies are taken at once as there is memory for; when one has ended the next is taken."""
        instance = await self.begun()
        streams = [self.enterContext(socket.create_connection(("127.0.0.1", self.port))) for _ in range(16)]
        for stream in streams:
            stream.sendall(self.head() + b"1\r\nx\r\n")

        async def is_refused() -> bool:
            return b" 503 " in (await self.chunked(1)).partition(b"\r\n")[0]

        async def is_taken() -> bool:
            return b" 200 " in (await self.chunked(1)).partition(b"\r\n")[0]

        await until(is_refused)
        arrived = instance.arrived
        streams[0].sendall(b"0\r\n\r\n")
        await until(lambda: instance.arrived > arrived)
        await deferToThread(streams[0].recv, 65536)
        await until(is_taken)

    async def test_bounded_by_address(self) -> None:
        """Bodies of one address take half of that memory at most, so that there is room for others."""
        await self.begun()
        for _ in range(8):
            stream = self.enterContext(socket.create_connection(("127.0.0.1", self.port)))
            stream.sendall(self.head(sender="192.0.2.1") + b"1\r\nx\r\n")

        async def is_refused() -> bool:
            return b" 503 " in (await self.chunked(1, sender="192.0.2.1")).partition(b"\r\n")[0]

        await until(is_refused)
        for sender in ("192.0.2.2", "2001:db8::1", "127.0.0.1"):
            self.assertIn(b" 200 ", (await self.chunked(1, sender=sender)).partition(b"\r\n")[0])
