"""``GET /``: a page for people, and the files that it refers to. Knows not what is on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from twisted.web.http import CACHED, Request
from twisted.web.resource import Resource

from daprdockr.api.awaited import AwaitedDocument
from daprdockr.api.folder import Folder
from daprdockr.model.errors import BadInput
from daprdockr.model.names import ServiceName

WritePage = Callable[[], Awaitable[str | None]]
"""Returns the text of a page, as it is now; None: there is none."""

WriteServicePage = Callable[[ServiceName], Awaitable[str | None]]
"""The same of the page of a service."""


_NOTHING = "there is no such service, or its definition cannot be used\n"


class PageDocument(AwaitedDocument):
    """
    :param write: asked at every request.
    :param policy: the Content-Security-Policy.
    """

    failing = "the page could not be written"

    def __init__(self, write: WritePage, policy: str) -> None:
        super().__init__()
        self._write = write
        self._policy = policy.encode()

    async def answer(self, request: Request) -> None:
        found = await self._write()
        text = (_NOTHING if found is None else found).encode()
        request.setResponseCode(404 if found is None else 200)
        kind = b"text/plain" if found is None else b"text/html"
        request.setHeader(b"content-type", kind + b"; charset=utf-8")
        request.setHeader(b"content-length", b"%d" % len(text))
        request.setHeader(b"cache-control", b"no-store")
        request.setHeader(b"content-security-policy", self._policy)
        request.setHeader(b"referrer-policy", b"no-referrer")
        request.setHeader(b"x-content-type-options", b"nosniff")
        request.setHeader(b"cross-origin-opener-policy", b"same-origin")
        request.setHeader(b"cross-origin-resource-policy", b"same-origin")
        request.write(text)
        request.finish()


class ServicePages(Folder):
    """The pages of all services, by name."""

    def __init__(self, write: WriteServicePage, policy: str) -> None:
        super().__init__()
        self._write = write
        self._policy = policy

    def getChild(self, path: bytes, request: Request) -> PageDocument:
        try:
            name = ServiceName.parse(path.decode("utf-8", "replace"))
        except BadInput:
            return PageDocument(_nothing, self._policy)
        return PageDocument(partial(self._write, name), self._policy)


async def _nothing() -> None:
    return None


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
