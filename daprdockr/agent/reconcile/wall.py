"""
The wall clock as jobs believe it.

Note [A clock that jumps]
    The wall clock may be set while the agent runs, by a person or by a service that found a better time; the monotonic
    clock goes on. It must count the time for which the machine is suspended, as the wall clock does, or each wake would
    look like a jump. A change of the difference between the two by more than ``STEP`` is a jump. Until the difference
    has stayed the new one for ``BELIEVED`` seconds the agent goes on with the former one: a jump that is undone by then
    makes no run early, late or missed. A jump is logged, and one that lasts is believed. Slow corrections are followed.
    The clock that the agent finds at its start is believed, for there is nothing to compare it with.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

STEP = 2.0
"""Seconds that are no slow correction any more."""

BELIEVED = 600.0
"""Seconds after which a jump is believed."""


class BelievedWall:
    """
    Call it for seconds since the epoch. It is asked at least once in a sweep.

    :param wall: the wall clock.
    :param monotonic: CLOCK_BOOTTIME in seconds.
    """

    log = Logger()

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._shift: float | None = None
        self._jumped: tuple[float, float] | None = None
        """The difference after a jump, and since when it has been that one, by the monotonic clock."""

    def __call__(self) -> float:
        now = self._monotonic()
        seen = self._wall() - now
        if self._shift is None or abs(seen - self._shift) <= STEP:
            self._shift, self._jumped = seen, None
        elif self._jumped is None or abs(seen - self._jumped[0]) > STEP:
            self._jumped = seen, now
            text = "the wall clock jumped by {by:+.0f} s: jobs follow it in {after:.0f} s, unless it comes back"
            self.log.warn(text, by=seen - self._shift, after=BELIEVED)
        elif now - self._jumped[1] >= BELIEVED:
            self._shift, self._jumped = seen, None
        else:
            self._jumped = seen, self._jumped[1]
        return now + self._shift

    @property
    def booted(self) -> float:
        """When this machine was started, in seconds since the epoch."""
        return self() - self._monotonic()
