"""``GET /metrics``: what the agent holds at that moment, in the text form of Prometheus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.web.http import Request

from daprdockr.api.awaited import AwaitedDocument
from daprdockr.api.metric import Sample

Read = Callable[[], Awaitable[list[Sample]]]
"""Returns the values as they are now."""


class Metrics(AwaitedDocument):
    """:param read: asked at every request."""

    failing = "the metrics could not be read"

    def __init__(self, read: Read) -> None:
        super().__init__()
        self._read = read

    async def answer(self, request: Request) -> None:
        # Imported for the first scrape: an agent that nobody scrapes saves a megabyte.
        from daprdockr.api.exposition import CONTENT_TYPE, exposition

        text = exposition(await self._read())
        request.setHeader(b"content-type", CONTENT_TYPE.encode())
        request.setHeader(b"cache-control", b"no-store")
        request.setHeader(b"content-length", b"%d" % len(text))
        request.write(text)
        request.finish()
