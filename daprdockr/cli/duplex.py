"""
A session in both directions at once: what is read here goes there, and the other way round.

Note [No direction waits for the other]
    A program that reads nothing until somebody reads what it wrote, or the reverse, must not stop everything. So one
    thread waits for all descriptors at once, writes only where something can be written, and reads from a side only
    while little of it waits for the other one.

Note [Nobody is left]
    A reader that is gone is no end: input goes on, and the status is of interest. But where the source has ended too,
    all of it was sent, and no sink has a reader, the session ends: a program that writes without end would go on with
    nobody to hear it.
"""

from __future__ import annotations

import os
import select
import ssl
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from attrs import define, field

from daprdockr.cli.outcome import FULL
from daprdockr.model.frames import MAX_CONTENT, MAX_FRAME, FrameKind, written
from daprdockr.sessions.client import PeerSession, SessionLost, check_frame

MOST_WAITING = 256 * 1024
"""Octets of input that wait to be sent before no more is read."""

_PIECE = 4096
"""So many octets can be written without waiting to a descriptor that takes some (PIPE_BUF, pipe(7))."""


@define(eq=False)
class Sink:
    """
    A descriptor that takes octets.

    :ivar ends: called when no more come, and all is written.
    :ivar lasts: whether an end of its reader ends everything, as that of stdout does.
    """

    descriptor: int
    ends: Callable[[], object] = lambda: None
    lasts: bool = False
    waiting: bytearray = field(factory=bytearray, init=False)
    is_ended: bool = field(default=False, init=False)
    is_broken: bool = field(default=False, init=False)

    def write(self) -> None:
        """
        Write some of what waits; a descriptor that nobody reads any more takes all, and keeps nothing.

        :raises BrokenPipeError: nobody reads it any more, and it ``lasts``.
        :raises OSError: the disk of one that ``lasts`` is full.
        """
        try:
            sent = os.write(self.descriptor, self.waiting[:_PIECE])
            del self.waiting[:sent]
        except BlockingIOError:
            pass
        except OSError as error:
            self.is_broken = True
            if self.lasts and error.errno in FULL:
                raise
            if self.lasts:
                raise BrokenPipeError from None
        self.settle()

    def add(self, content: bytes) -> None:
        if not self.is_broken:
            self.waiting += content

    def end(self) -> None:
        self.is_ended = True
        self.settle()

    def settle(self) -> None:
        if self.is_broken:
            self.waiting.clear()
        if self.is_ended and not self.waiting:
            self.ends()


class Duplex:
    """
    :param source: the descriptor of the input, None for none.
    :param sinks: where frames of each kind go.
    """

    def __init__(self, session: PeerSession, source: int | None, sinks: Mapping[FrameKind, Sink]) -> None:
        self._session = session
        self._source = source
        self._sinks = sinks
        self._out = bytearray()
        self._status: int | None = None
        session.connection.setblocking(False)
        self._take(session.first)

    def send(self, kind: FrameKind, content: bytes = b"") -> None:
        self._out += written(kind, content)

    def run(self, wake: int | None = None, woken: Callable[[], object] = lambda: None) -> int:
        """
        Return the status when the session has ended, and all of its output is written; 0 if nobody is left for whom it
        could go on: Note [Nobody is left].

        :param wake: a descriptor that is readable when ``woken`` is to be called.
        :raises SessionLost: it was lost.
        :raises SessionFailed: the agent cannot go on.
        """
        while self._status is None or any(sink.waiting for sink in self._sinks.values()):
            for descriptor in self._ready(wake):
                if descriptor == wake:
                    os.read(descriptor, 4096)
                    woken()
            if self._status is None:
                self._exchange()
            if self._status is None and self._is_abandoned:
                return 0
        return self._status

    @property
    def _is_abandoned(self) -> bool:
        """See Note [Nobody is left]."""
        is_sent = self._source is None and not self._out
        return is_sent and bool(self._sinks) and all(sink.is_broken for sink in self._sinks.values())

    def _ready(self, wake: int | None) -> list[int]:
        """Wait until something can be done, and do what concerns the descriptors here."""
        sinks = {sink.descriptor: sink for sink in self._sinks.values() if sink.waiting}
        ready = self._polled(sinks, wake)
        for descriptor, events in ready.items():
            if descriptor in sinks and events & ~select.POLLIN:
                sinks[descriptor].write()
            if descriptor == self._source and events & ~select.POLLOUT:
                self._read_source(descriptor)
        return list(ready)

    def _polled(self, sinks: Collection[int], wake: int | None) -> dict[int, int]:
        """Wait for any of the descriptors; the output is not read while some of it waits here."""
        wanted = Counter[int]()  # a socket may be source and sink
        for descriptor in sinks:
            wanted[descriptor] |= select.POLLOUT
        if self._status is None:
            wanted[self._session.connection.fileno()] |= 0 if sinks else select.POLLIN
            wanted[self._session.connection.fileno()] |= select.POLLOUT if self._out else 0
            if self._source is not None and len(self._out) < MOST_WAITING:
                wanted[self._source] |= select.POLLIN
        if wake is not None:
            wanted[wake] |= select.POLLIN
        poll = select.poll()
        for descriptor, events in wanted.items():
            if events:  # a connection that broke is reported unasked, again and again until the output is written
                poll.register(descriptor, events)
        return dict(poll.poll())

    def _read_source(self, source: int) -> None:
        try:
            data = os.read(source, MAX_CONTENT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.send(FrameKind.INPUT, data)
        else:
            self._source = None
            self.send(FrameKind.INPUT_ENDS)

    def _exchange(self) -> None:
        """Send and receive what can be without waiting."""
        connection, node = self._session.connection, self._session.node
        try:
            with suppress(ssl.SSLWantWriteError, ssl.SSLWantReadError):
                while self._out:
                    del self._out[: connection.send(self._out[:MAX_FRAME])]
            with suppress(ssl.SSLWantWriteError, ssl.SSLWantReadError):
                while self._status is None and not any(s.waiting for s in self._sinks.values()):
                    data = connection.recv(MAX_FRAME)
                    if not data:
                        raise SessionLost(f"node {node} is lost: its agent ended the connection")
                    self._take(self._session.reader.feed(data))
        except OSError as error:
            raise SessionLost(f"node {node} is lost: {error.strerror or error}") from None

    def _take(self, frames: list[tuple[FrameKind, bytes]]) -> None:
        for kind, content in frames:
            check_frame(self._session.node, kind, content)
            if kind is FrameKind.STATUS:
                self._status = int(content)
            elif kind is FrameKind.OUTPUT_ENDS and FrameKind.OUTPUT in self._sinks:
                self._sinks[FrameKind.OUTPUT].end()
            elif kind in self._sinks:
                self._sinks[kind].add(content)
