"""
Lines of several streams in the order of their times, with little of them in memory.

Note [In order]
    Each stream is in order by itself. So the earliest of the lines that wait may be printed as soon as every other
    stream has one too, for what comes later in it is later. A stream that has none may bring an earlier one, so it is
    waited for: until it ends, or, where lines are followed and a stream may be silent for days, until it has brought
    nothing for ``WINDOW`` seconds. A stream that is still being opened is waited for longer. And one that nobody knows
    yet, of a container that has just started, may bring lines a moment later: so where streams may join, each line
    waits at least ``HOLD`` seconds. A stream with ``MOST`` lines waiting is not read, and its node waits in turn.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

from attrs import define, field, frozen

WINDOW = 0.3
"""Seconds for which a silent stream is waited for. A single stream is never waited for."""

HOLD = 0.2
"""Seconds that a line waits at least for streams that join."""

OPENING = 3.0
"""The same for one that is being opened."""

MOST = 2000
"""Lines of a stream that wait, before it is not read any more."""


@frozen(order=True)
class LogLine:
    """One line. ``time`` is the Engine's, as text that sorts by time; ``source`` is the instance that it is from."""

    time: str
    source: str
    text: str
    is_error: bool = False


@define(eq=False)
class LogSource:
    """A stream of lines. ``touched`` is when it brought something last, or began to be opened."""

    name: str
    touched: float
    is_open: bool = False
    is_over: bool = False
    waiting: deque[tuple[LogLine, float]] = field(factory=deque)
    """Each line with the time at which it came."""


class Merging:
    """
    Streams that threads feed, and one thread reads as one.

    :param clock: monotonic seconds.
    :param is_bounded: whether every stream ends by itself; then each is waited for as long as that takes.
    :param hold: the seconds that each line waits for streams that join.
    """

    def __init__(self, clock: Callable[[], float], is_bounded: bool, hold: float = 0.0) -> None:
        self._clock = clock
        self._is_bounded = is_bounded
        self._hold = hold
        self._changed = threading.Condition()
        self._sources: list[LogSource] = []
        self._is_complete = self._is_closed = False

    def add(self, name: str) -> LogSource:
        """Return a new stream, which is being opened."""
        with self._changed:
            source = LogSource(name, self._clock())
            self._sources.append(source)
            return source

    def opened(self, source: LogSource) -> None:
        with self._changed:
            source.is_open, source.touched = True, self._clock()
            self._changed.notify_all()

    def put(self, source: LogSource, lines: list[LogLine]) -> None:
        """Add lines; blocks while the stream has too many."""
        with self._changed:
            while len(source.waiting) >= MOST:
                self._changed.wait()
            source.touched = self._clock()
            source.waiting.extend((line, source.touched) for line in lines)
            self._changed.notify_all()

    def end(self, source: LogSource) -> None:
        with self._changed:
            source.is_over = True
            self._changed.notify_all()

    def expect_no_more(self) -> None:
        """Let the lines end when the streams that there are have ended."""
        with self._changed:
            self._is_complete = True
            self._changed.notify_all()

    def close(self) -> None:
        """End the lines at once: nobody reads them."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def batches(self) -> Iterator[list[LogLine]]:
        """Yield lines in order, as many at once as can be printed now. See Note [In order]."""
        while True:
            with self._changed:
                found = self._ready()
                while not found:
                    if self._is_closed or (self._is_complete and not self._sources):
                        return
                    self._changed.wait(self._pause())
                    found = self._ready()
                self._changed.notify_all()
            yield found

    def _ready(self) -> list[LogLine]:
        found: list[LogLine] = []
        now = self._clock()
        while True:
            self._sources = [one for one in self._sources if one.waiting or not one.is_over]
            heads = [one for one in self._sources if one.waiting]
            if not heads or any(self._is_awaited(one, now) for one in self._sources if not one.waiting):
                return found
            first = min(heads, key=lambda one: one.waiting[0][0].time)
            if now < first.waiting[0][1] + self._hold:
                return found
            found.append(first.waiting.popleft()[0])

    def _is_awaited(self, source: LogSource, now: float) -> bool:
        if source.is_over or len(self._sources) == 1:
            return False
        return self._is_bounded or now < source.touched + (WINDOW if source.is_open else OPENING)

    def _pause(self) -> float | None:
        """Return how long to wait for a change, before lines may be printed without one."""
        if self._is_bounded or not any(one.waiting for one in self._sources):
            return None
        now = self._clock()
        silent = [one for one in self._sources if not one.waiting and not one.is_over]
        ends = [one.touched + (WINDOW if one.is_open else OPENING) for one in silent if self._is_awaited(one, now)]
        ends += [one.waiting[0][1] + self._hold for one in self._sources if one.waiting]
        return max(0.001, min((end for end in ends if end > now), default=now) - now)
