"""
The journal: events for people, logged here and written to etcd where ``daprdockrcmd events`` finds them.

Note [Short-lived]
    Events stand under a lease of their own that is never renewed: a new one is granted while the old one has half of
    its life left, so an event lives between half an hour and an hour, and an agent that is gone leaves none
    permanently. An event that cannot be written (etcd is away, too many wait) is only in the log; those that wait
    behind it are tried ``AGAIN`` seconds later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from daprdockr.model.errors import EtcdError
from daprdockr.model.known.changes import Changes
from daprdockr.model.names import printable
from daprdockr.model.seams import Store
from daprdockr.model.stored.events import LIFE, Event
from daprdockr.model.stored.keys import Keys
from daprdockr.runtime.pool import Run

MOST_WAITING = 100

AGAIN = 5.0
"""Seconds from an event that could not be written to the next one, unless that comes later."""

MOST_AT_ONCE = 20
"""Unreadable values of one change that are reported one by one."""

LONGEST_SUBJECT = 300
"""Characters of a subject that are kept: a key may have any length."""

BROKEN_REST = 10.0
"""Seconds between two events about unreadable values of one key: some client may write them without a pause."""


class Journal(Service):
    """
    :param run: runs a call to ``store`` in a thread.
    :param wall_clock: seconds since the epoch, for people to read.
    """

    log = Logger()

    def __init__(
        self, *, reactor: Any, run: Run, store: Store, keys: Keys, node: str, wall_clock: Callable[[], float]
    ) -> None:
        self._reactor = reactor
        self._run = run
        self._store = store
        self._keys = keys
        self._node = node
        self._wall_clock = wall_clock
        self._waiting: deque[Event] = deque(maxlen=MOST_WAITING)
        self._writing: Deferred[None] | None = None
        self._again: IDelayedCall | None = None
        self._lease = 0
        self._renew_at = 0.0
        self._last = 0
        self._broken: dict[str, float] = {}

    def record(self, subject: str, text: str, lines: Sequence[str] = ()) -> None:
        """
        Record an event about ``subject`` (a service, an instance, an image, a key), with the lines that a container
        logged. These texts are untrusted: control characters are escaped before they reach a log or a terminal.
        """
        subject, text = printable(subject[:LONGEST_SUBJECT]), printable(text)
        self.log.warn("event: {subject}: {text}", subject=subject, text=text)
        kept = tuple(printable(line) for line in lines)
        self._waiting.append(Event(self._wall_clock(), self._node, subject, text, kept))
        self._write_soon()

    def on_changes(self, changes: Changes) -> None:
        """
        Report values in etcd that cannot be read; ``status`` shows the newest reason of each. The agent that deletes an
        ownerless record reports that one.
        """
        now = self._reactor.seconds()
        self._broken = {key: at for key, at in self._broken.items() if now - at < BROKEN_REST}
        found = [one for one in changes.broken if one.key not in self._broken and not one.ownerless]
        self._broken |= dict.fromkeys((one.key for one in found), now)
        for one in found[:MOST_AT_ONCE]:
            self.record(one.key, f"cannot be read: {one.reason}")
        if len(found) > MOST_AT_ONCE:
            self.record(self._node, f"{len(found) - MOST_AT_ONCE} more values in etcd cannot be read: see status")

    def startService(self) -> None:
        super().startService()
        self._write_soon()

    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        if self._again is not None and self._again.active():
            self._again.cancel()
        return self._writing

    def _write_soon(self) -> None:
        if self._waiting and self.running and (self._writing is None or self._writing.called):
            self._writing = Deferred.fromCoroutine(self._write())

    async def _write(self) -> None:
        try:
            while self._waiting and self.running:
                await self._write_one(self._waiting.popleft())
        except EtcdError as error:
            self._renew_at = 0.0  # the lease may be at fault: the next event takes a new one
            self.log.info("an event was not written to etcd: {reason}", reason=error)
        except Exception:
            self.log.failure("an event was not written to etcd")
        if self._waiting and self.running:
            self._write_later()

    def _write_later(self) -> None:
        if self._again is None or not self._again.active():
            self._again = self._reactor.callLater(AGAIN, self._write_soon)

    async def _write_one(self, event: Event) -> None:
        """See Note [Short-lived]."""
        if self._reactor.seconds() >= self._renew_at:
            lease = await self._run(self._store.grant, LIFE)
            self._lease, self._renew_at = lease.id, self._reactor.seconds() + LIFE / 2
        self._last = max(self._last + 1, event.number)
        await self._run(self._store.put, self._keys.event(self._node, self._last), event.encode(), self._lease)
