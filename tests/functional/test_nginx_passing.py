"""How a real nginx passes on answers and uploads: as they come, and whatever their form."""

from __future__ import annotations

import socket
from typing import Any, ClassVar

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.proxy.routes import Upstream
from tests.rig.hinting import Hinting
from tests.rig.nginx_here import WEB, NginxTestCase, route, until

NAME = "web.example.com"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Slow(Protocol):
    """Begins an answer to a request, in the form that its path names, and ends it after a byte on ``go_on``."""

    FORMS: ClassVar[dict[bytes, tuple[bytes, bytes]]] = {
        b"/events": (EVENTS + b"9\r\ndata: 1\n\n\r\n", b"9\r\ndata: 2\n\n\r\n0\r\n\r\n"),
        b"/length": (b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\none ", b"two "),
        b"/until-closed": (b"HTTP/1.0 200 OK\r\n\r\none ", b"two "),
    }
    waiting: ClassVar[list[Slow]] = []
    rest = b""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        first, self.rest = self.FORMS[data.split()[1]]
        self.transport.write(first)
        self.waiting.append(self)

    def go_on(self) -> None:
        assert self.transport is not None
        self.transport.write(self.rest)
        if self.rest == b"two ":
            self.transport.loseConnection()


class Pondering(Protocol):
    """Answers ``/mine`` at once; to all else it sends an interim answer alone, in the form that the path names."""

    FORMS: ClassVar[dict[bytes, bytes]] = {
        b"/hint": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n",
        b"/length": b"HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n",
        b"/mine": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine",
    }
    asked: ClassVar[list[Pondering]] = []
    is_left = False

    def connectionLost(self, reason: object = None) -> None:
        self.is_left = True

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(self.FORMS[data.split()[1]])
        self.asked.append(self)


class Refusing(Protocol):
    """Answers 401 to the head of an upload and reads on, so that its answer is not lost; counts the requests."""

    heads = 0
    received = b""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        before, self.received = b"\r\n\r\n" in self.received, (self.received + data)[:4096]
        if not before and b"\r\n\r\n" in self.received:
            Refusing.heads += 1
            self.transport.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")


class Ending(Protocol):
    """Ends the connection of an upload when it has begun."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


class PassingCase(NginxTestCase):
    async def serving(self, protocol: type[Protocol], **changes: Any) -> None:
        port = self.listen(Factory.forProtocol(protocol))
        await self.started(route(NAME, Upstream(InstanceName(WEB, 1), "127.0.0.1", port)), **changes)


class AnswerTests(PassingCase):
    """Answers of all forms."""

    async def test_at_once(self) -> None:
        """A part of an answer reaches the client before the instance has sent the rest, in each form of body."""
        await self.serving(Slow)
        for form, first, last in [
            (b"/events", b"data: 1\n\n", b"data: 2\n\n"),
            (b"/length", b"one ", b"two "),
            (b"/until-closed", b"one ", b"two "),
        ]:
            Slow.waiting.clear()
            with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
                client.sendall(b"GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (form, NAME.encode()))
                begun = await deferToThread(_read, client, first)
                self.assertNotIn(last, begun)
                Slow.waiting[0].go_on()
                self.assertIn(last, await deferToThread(_read, client, last))

    async def test_interim(self) -> None:
        """
        Interim answers reach the client before the answer, which says that the connection ends: nginx keeps none on
        which it does not see where an answer ends.
        """
        await self.serving(Hinting)
        await self.hinted()

    async def test_later_interim(self) -> None:
        """A worker that knows its configuration passes them on too, which takes another way through nginx."""
        hinting = Upstream(InstanceName(WEB, 1), "127.0.0.1", self.listen(Factory.forProtocol(Hinting)))
        other = ServiceName(group="shop", service="other")
        plain = route("plain.example.com", self.upstream(service=other), service=other)
        await self.started(route(NAME, hinting), plain, settings={"workers": 1})
        for _ in range(3):
            self.assertEqual((await self.get("plain.example.com")).code, 200)
        for _ in range(3):
            await self.hinted()
            self.assertEqual((await self.get("plain.example.com")).code, 200)

    async def test_interim_that_cannot_pass(self) -> None:
        """
        With a length, or to ``HEAD``, one ends the request. The answer behind it goes to no other client, because the
        connection on which it comes is kept for none, whether the worker knows its configuration or not.
        """
        await self.serving(Pondering, settings={"workers": 1})
        cut = []
        for method, path in (("HEAD", "/hint"), ("GET", "/length")) * 2:
            Pondering.asked.clear()
            refused = await self.get(NAME, path, method=method)
            mine = await self.get(NAME, "/mine")
            self.assertEqual((refused.code, mine.code, mine.text), (502, 200, "mine"), (method, path))
            self.assertIn("or with a Content-Length\n" if method == "GET" else "", refused.text)
            first, second = Pondering.asked
            self.assertIsNot(first, second)
            cut.append(first)
        await until(lambda: all(one.is_left for one in cut))

    async def hinted(self) -> None:
        """Ask for an answer with interim ones before it."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % NAME.encode())
            answer = await deferToThread(_read, client, b"final")
        hint, processing, head, body = answer.split(b"\r\n\r\n")
        self.assertTrue(hint.startswith(b"HTTP/1.1 103 "), answer)
        self.assertIn(b"\r\nLink: </a.css>", hint)
        self.assertEqual(processing, b"HTTP/1.1 102 Processing")
        self.assertEqual(head, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close")
        self.assertEqual(body, b"final")
        await until(lambda: Hinting.connected == 0)


class UploadTests(PassingCase):
    """Answers that come before the upload has ended."""

    async def test_early_answer(self) -> None:
        """An answer to the head of an upload reaches the client before it has sent the rest, and once."""
        await self.serving(Refusing)
        Refusing.heads = 0
        for head in (b"Content-Length: 5000000", b"Transfer-Encoding: chunked"):
            request = b"POST / HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n" % (NAME.encode(), head)
            part = b"x" * 100_000 if b"Length" in head else b"186a0\r\n" + b"x" * 100_000 + b"\r\n"
            with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
                client.sendall(request + part)
                self.assertIn(b"401 Unauthorized", await deferToThread(_read, client, b"no"))
        self.assertEqual(Refusing.heads, 2)

    async def test_cut(self) -> None:
        """A client whose upload an instance does not take gets the answer that says so."""
        await self.serving(Ending)
        request = b"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 5000000\r\n\r\n" % NAME.encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
            client.sendall(request + b"x" * 100_000)
            answer = await deferToThread(_read, client, b"body\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 502 "), answer)
        self.assertIn(b"before it had taken the whole body\n", answer)


def _read(client: socket.socket, wanted: bytes) -> bytes:
    """Read until ``wanted`` is there, or the end."""
    received = b""
    while wanted not in received and (part := client.recv(65536)):
        received += part
    return received
