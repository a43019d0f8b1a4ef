"""
``GET /page/stream``: the page as it changes, as server-sent events for all who follow it.

Note [A reader that is slow]
    While anybody follows, the page is examined every ``PACE`` seconds, or, where that takes long because the cluster is
    large, so seldom that this has no more than its ``SHARE`` of the time: the agent does nothing else meanwhile. Each
    change is written once for all. A reader whose connection takes no more is written nothing; when it takes more
    again it gets the whole page, in the place of all that it missed. So at most one whole page waits for a reader. One
    that has taken nothing for ``PATIENCE`` seconds is dropped, and a browser comes back by itself.
"""

from __future__ import annotations

from typing import Any, Protocol

from attrs import define
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from daprdockr.api.bounded_site import BoundedChannel

PACE = 0.5
"""Seconds between two updates."""

SHARE = 0.1
"""The most of the agent's time that examinations have."""

BEAT = 10.0
"""Seconds after which a reader is written to even if nothing has changed."""

PATIENCE = 20.0
MOST_READERS = 16

# ruff: noqa: N802  names of Twisted's


class Live(Protocol):
    """The page, as readers follow it. Each method returns server-sent events."""

    @property
    def at(self) -> str:
        """The number of what is shown now."""

    def update(self) -> bytes | None:
        """Examine what is to be shown; return what has changed since the last call, None if nothing has."""

    def whole(self) -> bytes: ...

    def beat(self) -> bytes: ...


class Readers:
    """
    All who follow.

    :param reactor: its clock.
    """

    log = Logger()

    def __init__(self, reactor: IReactorTime, live: Live) -> None:
        self._reactor = reactor
        self._live = live
        self._readers: dict[Reader, None] = {}
        self._next = self._beat_at = 0.0
        self._loop = LoopingCall(self._poll)
        self._loop.clock = reactor

    @property
    def is_full(self) -> bool:
        return len(self._readers) >= MOST_READERS

    def refresh(self) -> None:
        """Examine what is to be shown, unless that was done just now, and write what has changed to all."""
        now = self._reactor.seconds()
        if now < self._next:
            return
        self._next = now + PACE
        news = self._live.update()
        self._next = now + max(PACE, (self.seconds() - now) / SHARE)
        self._write(news)

    def add(self, request: Request, at: str) -> None:
        """:param at: the number of what the reader has."""
        reader = Reader(request, self)
        self._readers[reader] = None
        request.notifyFinish().addBoth(lambda _: self._remove(reader))
        request.registerProducer(reader, True)
        request.write(b"retry: 2000\n\n" if at == self._live.at else self._live.whole())
        if not self._loop.running:
            self._loop.start(PACE, now=False)

    def whole(self) -> bytes:
        return self._live.whole()

    def seconds(self) -> float:
        return self._reactor.seconds()

    def _remove(self, reader: Reader) -> None:
        del self._readers[reader]
        if not self._readers and self._loop.running:
            self._loop.stop()

    def _poll(self) -> None:
        try:
            self.refresh()
        except Exception:
            self.log.failure("the page could not be followed")
        now = self.seconds()
        if now >= self._beat_at:
            self._write(self._live.beat(), is_dispensable=True)
        for reader in list(self._readers):
            reader.drop_if_stalled(now)

    def _write(self, event: bytes | None, is_dispensable: bool = False) -> None:
        if event is not None:
            self._beat_at = self.seconds() + BEAT
            for reader in self._readers:
                reader.write(event, is_dispensable)


@implementer(IPushProducer)
@define(eq=False)
class Reader:
    """One who follows. See Note [A reader that is slow]."""

    request: Request
    readers: Readers
    _stalled_at: float | None = None
    _is_behind: bool = False

    def write(self, event: bytes, is_dispensable: bool) -> None:
        if self._stalled_at is None:
            self.request.write(event)
        elif not is_dispensable:
            self._is_behind = True

    def drop_if_stalled(self, now: float) -> None:
        if self._stalled_at is not None and now >= self._stalled_at + PATIENCE:
            transport: Any = self.request.transport
            transport.abortConnection()

    def pauseProducing(self) -> None:
        self._stalled_at = self.readers.seconds()

    def resumeProducing(self) -> None:
        self._stalled_at = None
        if self._is_behind:
            self._is_behind = False
            self.request.write(self.readers.whole())

    def stopProducing(self) -> None:
        """The connection is lost, which ``Readers`` deals with."""


class Stream(Resource):
    """The resource."""

    isLeaf = True  # noqa: N815  Twisted's name

    def __init__(self, readers: Readers) -> None:
        super().__init__()
        self._readers = readers

    def render_GET(self, request: Request) -> bytes | int:
        request.setHeader(b"cache-control", b"no-store")
        request.setHeader(b"x-content-type-options", b"nosniff")
        if self._readers.is_full:
            request.setResponseCode(503)
            request.setHeader(b"content-type", b"text/plain; charset=utf-8")
            return b"%d readers follow the page already: close one\n" % MOST_READERS
        request.setHeader(b"content-type", b"text/event-stream; charset=utf-8")
        if request.method == b"HEAD":
            return b""
        if isinstance(request.channel, BoundedChannel):
            request.channel.stay()
        had = request.getHeader(b"last-event-id") or (request.args or {}).get(b"at", [b""])[0]
        self._readers.add(request, had.decode("latin-1"))
        return NOT_DONE_YET
