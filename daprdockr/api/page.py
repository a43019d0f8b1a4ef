"""``GET /``: a page for people, and the files that it refers to. Knows not what is on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.http import CACHED, Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

WritePage = Callable[[], Awaitable[str]]
"""Returns the text of a page, as it is now."""


class PageDocument(Resource):
    """
    :param write: asked at every request.
    :param policy: the Content-Security-Policy.
    """

    log = Logger()
    isLeaf = True  # noqa: N815  Twisted's name

    def __init__(self, write: WritePage, policy: str) -> None:
        super().__init__()
        self._write = write
        self._policy = policy.encode()

    def render_GET(self, request: Request) -> int:
        """Answer HEAD as well, whose body twisted.web leaves out."""
        gone = request.notifyFinish()
        answering = Deferred.fromCoroutine(self._answer(request))
        gone.addErrback(lambda _: answering.cancel())
        answering.addErrback(lambda failure: None if gone.called else self._failed(request))
        return NOT_DONE_YET

    async def _answer(self, request: Request) -> None:
        text = (await self._write()).encode()
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        request.setHeader(b"content-length", b"%d" % len(text))
        request.setHeader(b"cache-control", b"no-store")
        request.setHeader(b"content-security-policy", self._policy)
        request.setHeader(b"referrer-policy", b"no-referrer")
        request.setHeader(b"x-content-type-options", b"nosniff")
        request.setHeader(b"cross-origin-opener-policy", b"same-origin")
        request.setHeader(b"cross-origin-resource-policy", b"same-origin")
        request.write(text)
        request.finish()

    def _failed(self, request: Request) -> None:
        self.log.failure("the page could not be written")
        request.setResponseCode(500)
        request.finish()


class UnchangingFile(Resource):
    """A file whose name changes with its content."""

    isLeaf = True  # noqa: N815  Twisted's name

    def __init__(self, kind: str, digest: str, content: bytes) -> None:
        super().__init__()
        self._kind = kind.encode()
        self._digest = digest.encode()
        self._content = content

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", self._kind)
        request.setHeader(b"cache-control", b"private, max-age=31536000, immutable")
        request.setHeader(b"x-content-type-options", b"nosniff")
        if request.setETag(b'"%b"' % self._digest) is CACHED:
            return b""
        return self._content
