"""
Log lines about an etcd that does not answer, or not always: one when that begins, one when it has ended.

Note [When etcd is slow]
    Watch and beats fail and succeed alternately while etcd is slow, each every second or two. So all of them report
    here. An outage begins when calls fail ``BRIEF`` seconds after the first that did (``STARTING`` until etcd has
    answered for the first time, because it may be starting as we are), and has ended with the first answer after which
    none failed for ``CALM`` seconds; meanwhile a line every ``REMINDER`` seconds says that it goes on.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

BRIEF = 2.0
STARTING = 10.0
CALM = 30.0
REMINDER = 600.0


class Outage:
    """:param clock: monotonic seconds."""

    log = Logger()

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._grace = STARTING
        self._since: float | None = None
        self._last = 0.0
        self._answered: float | None = None
        """When a call was answered for the first time after the last failure."""
        self._remind_at: float | None = None

    def failed(self, reason: str) -> None:
        """Report that a call was not answered."""
        now = self._last = self._clock()
        self._answered = None
        if self._since is None:
            self._since = now
        if self._remind_at is None and now - self._since >= self._grace:
            self.log.warn("trouble with etcd began: {reason}", reason=reason)
            self._remind_at = now + REMINDER
        elif self._remind_at is not None and now >= self._remind_at:
            minutes = round((now - self._since) / 60)
            self.log.warn("trouble with etcd goes on for {minutes} minutes: {reason}", minutes=minutes, reason=reason)
            self._remind_at = now + REMINDER

    def worked(self) -> None:
        """Report that a call was answered."""
        self._grace, now = BRIEF, self._clock()
        answered = self._answered = now if self._answered is None else self._answered
        if self._since is None or now - self._last < CALM:
            return
        if self._remind_at is not None:
            seconds = round(answered - self._since)
            self.log.info("trouble with etcd has ended after {seconds} s", seconds=seconds)
        self._since = self._remind_at = None
