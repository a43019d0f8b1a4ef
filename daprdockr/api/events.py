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
            rows = [event.write() for event in self._recent.listed(begins(0.0, self._wall()))[-MOST_EVENTS:]]
            request.setHeader(b"content-type", b"application/json")
            request.write(written(rows))
        request.finish()
