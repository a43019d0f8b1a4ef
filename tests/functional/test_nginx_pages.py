"""The pages that a client of a real nginx gets when no instance answers it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.protocol import Factory, Protocol

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.proxy.routes import Upstream
from tests.rig.nginx_here import WEB, NginxTestCase, route

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
NAME = "web.example.com"


class Hanging(Protocol):
    """Ends the connection of each request without an answer."""

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.abortConnection()


class PageTests(NginxTestCase):
    """The pages of nginx, and those of the operator."""

    async def failing(self, pages: Path | None = None) -> None:
        """An nginx in front of a service without instances, and one whose instance breaks connections."""
        broken = evolve(WEB, service="broken")
        place = Upstream(InstanceName(broken, 1), "127.0.0.1", self.listen(Factory.forProtocol(Hanging)))
        await self.started(route(NAME), route("broken.example.com", place, service=broken), pages=pages)

    async def test_text(self) -> None:
        """A program gets one line, and when to come back if that helps."""
        await self.failing()
        for host, code, text in [
            ("no.example.com", 404, "no service has this host name and path\n"),
            ("broken.example.com", 502, "the instance of this service did not answer\n"),
            (NAME, 503, "no instance of this service is healthy\n"),
        ]:
            answer = await self.get(host, method="POST", headers={"Accept": "*/*"})
            self.assertEqual((answer.code, answer.text, answer.headers["content-type"]), (code, text, "text/plain"))
            self.assertEqual(answer.headers.get("retry-after"), "1" if code == 503 else None)

    async def test_html(self) -> None:
        """A browser gets a page that says the same."""
        await self.failing()
        for host, title, sentence in [
            ("no.example.com", "404 Not found", "No service has this host name and path."),
            ("broken.example.com", "502 Bad gateway", "The instance of this service did not answer."),
            (NAME, "503 Service unavailable", "No instance of this service is healthy."),
        ]:
            answer = await self.get(host, method="POST", headers=BROWSER)
            self.assertEqual(answer.headers["content-type"], "text/html; charset=utf-8")
            self.assertIn(f"<title>{title}</title>", answer.text)
            self.assertIn(f"<p>{sentence}</p>", answer.text)

    async def test_no_version(self) -> None:
        """Nothing that nginx itself refuses names its version, or looks like its own page."""
        await self.failing()
        host = b"Host: web.example.com\r\nConnection: close\r\n"
        for request, code in [
            (b"nonsense\r\n\r\n", b"400"),
            (b"GET / HTTP/1.1\r\n\r\n", b"400"),
            (b"GET / HTTP/1.1\r\n" + host + b"Content-Length: x\r\n\r\n", b"400"),
            (b"POST / HTTP/1.1\r\n" + host + b"Transfer-Encoding: gzip\r\n\r\n", b"501"),
            (b"TRACE / HTTP/1.1\r\n" + host + b"\r\n", b"405"),
            (b"GET / HTTP/3.1\r\n" + host + b"\r\n", b"505"),
            (b"GET /-refused-by-the-front-door- HTTP/1.1\r\n" + host + b"\r\n", b"404"),
        ]:
            answer = await self.converse(request, b"\r\n\r\n")
            self.assertEqual(answer.split(b" ", 2)[1], code, answer)
            self.assertNotIn(b"nginx", answer.lower().replace(b"server: nginx\r\n", b""))
            self.assertIn(b"\r\nContent-Type: text/plain\r\n", answer)

    async def test_head(self) -> None:
        """HEAD gets the same head and nothing behind it, and the connection stays."""
        await self.failing()
        head = b"HEAD / HTTP/1.1\r\nHost: no.example.com\r\n"
        answer = await self.converse(head + b"\r\n", b"\r\n\r\n", head + b"Connection: close\r\n\r\n")
        first, _, second = answer.partition(b"\r\n\r\n")
        self.assertIn(b"Content-Length: 39", first)
        self.assertTrue(second.startswith(b"HTTP/1.1 404 "), answer)

    async def test_of_the_operator(self) -> None:
        """Files of the operator take the place of nginx's pages, each for itself, even if workers cannot read them."""
        pages = self.directory / "pages"
        pages.mkdir(mode=0o700)
        (pages / "404.html").write_text("<p>Nothing here: <b>$host</b></p>")
        (pages / "503.txt").write_text("back soon\n")
        await self.failing(pages)
        self.assertEqual((await self.get("no.example.com", headers=BROWSER)).text, "<p>Nothing here: <b>$host</b></p>")
        self.assertEqual((await self.get("no.example.com")).text, "no service has this host name and path\n")
        self.assertEqual((await self.get(NAME)).text, "back soon\n")
        self.assertIn("503 Service unavailable", (await self.get(NAME, headers=BROWSER)).text)

    async def test_later_version(self) -> None:
        """A request by HTTP/1.2 or later counts as one by HTTP/1.1, also where it is bounded or refused."""
        bounded = evolve(route(NAME, self.upstream()), max_body=10, max_header=1000)
        await self.started(bounded, route("empty.example.com", service=ServiceName(group="shop", service="empty")))
        for name, more, code in (
            (NAME, "", 200),
            (NAME, "Content-Length: 11\r\n", 413),
            (NAME, "Transfer-Encoding: chunked\r\n", 411),
            (NAME, f"X-Long: {'x' * 1000}\r\n", 431),
            ("empty.example.com", "", 503),
            ("other.example.com", "", 404),
        ):
            request = f"GET / HTTP/1.2\r\nHost: {name}\r\nConnection: close\r\n{more}\r\n"
            answer = await self.converse(request.encode(), b"\r\n\r\n")
            self.assertRegex(answer, f"(?s)^HTTP/1.1 {code} ".encode())
            self.assertNotIn(b"<center>nginx", answer)
