"""``GET /api/events``: what happened lately and who changed what, as etcd had it when it was read last."""

from __future__ import annotations

from collections.abc import Callable

from twisted.web.http import Request

from daprdockr.api.awaited import AwaitedDocument
from daprdockr.api.documents import written
from daprdockr.api.recent import Recent
from daprdockr.picture.events import begins

MOST_EVENTS = 500
"""Events of one answer, the latest ones."""


LEFT_OUT = b"daprdockr-left-out"
"""The header that says how many earlier events an answer lacks, and of how many services the changes."""


class EventsDocument(AwaitedDocument):
    """
    :param recent: read again for a request, unless that was done just now; the pages share it.
    :param wall: wall-clock seconds.
    """

    failing = "the events were not written"

    def __init__(self, recent: Recent, wall: Callable[[], float]) -> None:
        super().__init__()
        self._recent = recent
        self._wall = wall

    async def answer(self, request: Request) -> None:
        """Write the last known events while etcd is away; 503 and one line if none were ever read."""
        await self._recent.refresh()
        request.setHeader(b"cache-control", b"no-store")
        request.setHeader(b"x-content-type-options", b"nosniff")
        if not self._recent.ever_read:
            request.setResponseCode(503)
            request.setHeader(b"content-type", b"text/plain; charset=utf-8")
            request.write(b"the events are not known: etcd has not answered yet\n")
        else:
            request.setHeader(b"content-type", b"application/json")
            request.write(self._rows(request, begins(0.0, self._wall())))
        request.finish()

    def _rows(self, request: Request, since: float) -> bytes:
        found, services = self._recent.listed(since), self._recent.left_out(since)
        earlier = max(0, len(found) - MOST_EVENTS)
        if earlier or services:
            request.setHeader(LEFT_OUT, b"events=%d, services=%d" % (earlier, services))
        return written([event.write() for event in found[-MOST_EVENTS:]])
