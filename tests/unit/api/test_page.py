"""The resource of a page, and the files that it refers to."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import getChildForRequest
from twisted.web.server import Request
from twisted.web.test.requesthelper import DummyChannel, DummyRequest

from daprdockr.api.page import PageDocument, ServicePages, UnchangingFile
from daprdockr.model.names import ServiceName
from tests.build.values import WEB


class PageDocumentTests(SynchronousTestCase):
    """``GET /``"""

    def setUp(self) -> None:
        self.writing: Deferred[str] = Deferred()
        self.request = DummyRequest([b""])
        self.request.render(PageDocument(self.write, "default-src 'none'"))

    async def write(self) -> str:
        return await self.writing

    def header(self, name: bytes) -> list[bytes]:
        return list(self.request.responseHeaders.getRawHeaders(name) or [])

    def test_answer(self) -> None:
        """The page follows when it is written, with its policy, and no browser keeps it."""
        self.assertEqual(self.request.finished, 0)
        self.writing.callback("<p>é")
        self.assertEqual((self.request.finished, b"".join(self.request.written)), (1, "<p>é".encode()))
        self.assertEqual(self.header(b"content-type"), [b"text/html; charset=utf-8"])
        self.assertEqual(self.header(b"content-security-policy"), [b"default-src 'none'"])
        self.assertEqual(self.header(b"cache-control"), [b"no-store"])
        self.assertEqual(self.header(b"content-length"), [b"5"])

    def test_gone(self) -> None:
        """A client that left is written nothing."""
        self.request.processingFailed(Failure(ConnectionError()))
        self.assertEqual(self.request.written, [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_fault(self) -> None:
        """A page that cannot be written is an error of the server, and of the log."""
        self.writing.errback(ValueError("a fault"))
        self.assertEqual((self.request.responseCode, self.request.finished), (500, 1))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class ServicePagesTests(SynchronousTestCase):
    """``GET /page/service/NAME``"""

    async def write(self, service: ServiceName) -> str | None:
        return f"the page of {service}" if service == WEB else None

    def ask(self, name: bytes) -> tuple[int, bytes]:
        request = DummyRequest([name])
        request.render(getChildForRequest(ServicePages(self.write, "p"), request))
        return request.responseCode or 200, b"".join(request.written)

    def test_known(self) -> None:
        """A service has its page."""
        self.assertEqual(self.ask(b"web.myapp"), (200, b"the page of web.myapp"))

    def test_unknown(self) -> None:
        """A service that there is not, and a name that none can have, get one line."""
        for name in (b"api.myapp", b"<script>", b"\xff", b""):
            status, text = self.ask(name)
            self.assertEqual((status, text.count(b"\n")), (404, 1))


class UnchangingFileTests(SynchronousTestCase):
    def ask(self, **headers: str) -> tuple[bytes, Request]:
        request = Request(DummyChannel())
        request.method = b"GET"
        for name, value in headers.items():
            request.requestHeaders.setRawHeaders(name.replace("_", "-").encode(), [value.encode()])
        return UnchangingFile("text/css", "abc", b"p {}").render_GET(request), request

    def test_kept_for_good(self) -> None:
        """It is kept by who asked for it, without asking again."""
        content, request = self.ask()
        self.assertEqual(content, b"p {}")
        (kept,) = request.responseHeaders.getRawHeaders(b"cache-control") or []
        self.assertIn(b"immutable", kept)
        self.assertEqual(request.responseHeaders.getRawHeaders(b"content-type"), [b"text/css"])

    def test_unchanged(self) -> None:
        """A browser that has it does not get it again."""
        content, request = self.ask(if_none_match='"abc"')
        self.assertEqual((content, request.code), (b"", 304))
