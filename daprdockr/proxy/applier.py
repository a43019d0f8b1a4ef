"""
Brings the last requested value into effect: one at a time, spaced, retried after a failure.

Knows nothing of nginx: how a value is applied is passed in.

Note [Last wins]
    The first change after a quiet time takes effect at once, so a death leaves the routes without delay. Changes that
    come while one is taking effect, or within the spacing, replace each other: only the last is applied, and a value
    that returned to what is in effect is dropped. Nothing is lost, because each attempt ends with another check.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.model.backoff import Backoff
from daprdockr.model.errors import DaprdockrError, DiskError
from daprdockr.runtime.timer import Timer

T = TypeVar("T")

DISK_RETRY = 5.0
"""
The longest time between attempts while a disk is full, in seconds: an attempt costs little, and nothing reports when
there is room.
"""

RETRIES = Backoff(first=2.0, limit=60.0)


@define(kw_only=True, eq=False, slots=False)
class Applier(Generic[T]):
    """
    :ivar apply: makes a value take effect; its exceptions count as failures.
    :ivar spacing: seconds from the beginning of one attempt to that of the next, at least.
    :ivar backoff: the growing delay between attempts that fail in a row.
    :ivar ended: called after each attempt.
    :ivar what: what a value is, for people: "the HTTP routes".
    """

    log = Logger()

    apply: Callable[[T], Awaitable[None]]
    clock: IReactorTime
    what: str
    spacing: float = 1.0
    backoff: Backoff = RETRIES
    chance: Callable[[], float] = random.random
    ended: Callable[[], None] = lambda: None

    applied: int = field(init=False, default=0)
    failed: int = field(init=False, default=0)
    reason: str = field(init=False, default="")
    _wanted: T | None = field(init=False, default=None)
    _effective: T | None = field(init=False, default=None)
    _failures: int = field(init=False, default=0)
    _earliest: float = field(init=False, default=0.0)
    _timer: Timer = field(init=False)
    _attempt: Deferred[None] | None = field(init=False, default=None)
    _overtaken: bool = field(init=False, default=False)
    _stopped: bool = field(init=False, default=True)

    def __attrs_post_init__(self) -> None:
        self._timer = Timer(self.clock, self._begin)

    @property
    def settled(self) -> bool:
        """Whether the last requested value is in effect, and nothing is under way."""
        return self._attempt is None and self._effective is not None and self._wanted == self._effective

    def start(self) -> None:
        """Begin to apply; a value wanted before is applied now."""
        self._stopped = False
        self._schedule()

    def stop(self) -> None:
        """Apply nothing any more; an attempt in flight is cancelled."""
        self._stopped = True
        self._timer.cancel()
        if self._attempt is not None:
            self._attempt.cancel()

    def want(self, value: T) -> None:
        """Bring ``value`` into effect as soon as Note [Last wins] allows; forget the value requested before."""
        if value == self._wanted:
            return
        self._wanted = value
        if self._failures:
            # Another value failed: this one need not wait out its backoff.
            self._earliest = min(self._earliest, self.clock.seconds() + self.spacing)
        self._schedule()

    def again(self) -> None:
        """
        Apply the requested value once more, and soon, because what was in effect is gone; so is what an attempt in
        flight brings into effect.
        """
        self._effective = None
        self._overtaken = True
        self._earliest = self.clock.seconds() + self.backoff.first
        if self._wanted is not None:
            self._schedule()

    def _schedule(self) -> None:
        """Schedule the next attempt if one is due and none is in flight."""
        self._timer.cancel()
        if self._stopped or self._attempt is not None or self._wanted == self._effective:
            return
        self._timer.set(max(0.0, self._earliest - self.clock.seconds()))

    def _begin(self) -> None:
        assert self._wanted is not None
        self._earliest = self.clock.seconds() + self.spacing
        self._overtaken = False
        self._attempt = attempt = Deferred.fromCoroutine(self._try(self._wanted))
        attempt.addCallback(self._finished)

    async def _try(self, value: T) -> None:
        try:
            await self.apply(value)
        except Exception as error:
            # A cancelled call may raise anything, so the flag decides.
            if not self._stopped:
                self._fail(error)
        else:
            self._effective = None if self._overtaken else value
            self._failures = 0
            self.reason = ""
            self.applied += 1

    def _fail(self, error: Exception) -> None:
        # The value in effect now is uncertain, so even the one before this is applied again.
        self._effective = None
        self._failures += 1
        self.failed += 1
        delay = self.backoff.delay(self._failures, self.chance())
        self._earliest = self.clock.seconds() + (min(delay, DISK_RETRY) if isinstance(error, DiskError) else delay)
        if not isinstance(error, DaprdockrError):
            self.log.failure("could not bring {what} into effect", what=self.what)
        elif str(error) != self.reason:
            line = "could not bring {what} into effect, what was in effect before stays: {reason}"
            self.log.warn(line, what=self.what, reason=error)
        self.reason = str(error)

    def _finished(self, _: object) -> None:
        self._attempt = None
        self._schedule()
        self.ended()
