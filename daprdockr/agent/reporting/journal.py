"""
The journal: events for people, logged here and written to etcd where ``daprdockrcmd events`` finds them.

Note [Short-lived]
    Events stand under a lease of their own that is never renewed: a new one is granted while the old one has half of
    its life left, so an event lives between half an hour and an hour, and an agent that is gone leaves none
    permanently. An event that cannot be written (etcd is away, too many wait) is only in the log; those that wait
    behind it are tried ``AGAIN`` seconds later.

Note [The last event]
    Once the agent stops, the journal awaits the call that is under way, and makes no other. So lease and event are one
    call, and the event that the agent is stopped goes before those that wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from hashlib import sha256

from attrs import evolve, frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.model.errors import EtcdError
from daprdockr.model.known.changes import Changes
from daprdockr.model.names import printable
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Absent, Delete, Put
from daprdockr.model.stored.events import LIFE, Event
from daprdockr.model.stored.keys import Keys
from daprdockr.runtime.pool import Run
from daprdockr.runtime.timer import Timer

MOST_WAITING = 100

AGAIN = 5.0
"""Seconds from an event that could not be written to the next one, unless that comes later."""

MOST_AT_ONCE = 20
"""Unreadable values of one change that are reported one by one."""

LONGEST_SUBJECT = 300
"""Characters of a subject that are kept: a key may have any length."""

BROKEN_REST = 10.0
"""Seconds between two events about unreadable values of one key: some client may write them without a pause."""


@frozen
class _Waiting:
    """
    An event that is to be written: at ``key``, "" for one of its own, and perhaps only if there is none yet; or
    ``instead_of`` the event at another key.
    """

    event: Event
    key: str = ""
    is_first: bool = False
    instead_of: str = ""


class Journal(Service):
    """
    :param run: runs a call to ``store`` in a thread.
    :param wall: seconds since the epoch, for people to read.
    """

    log = Logger()

    def __init__(
        self, *, reactor: IReactorTime, run: Run, store: Store, keys: Keys, node: str, wall: Callable[[], float]
    ) -> None:
        self._reactor = reactor
        self._run = run
        self._store = store
        self._keys = keys
        self._node = node
        self._wall = wall
        self._waiting: deque[_Waiting] = deque(maxlen=MOST_WAITING)
        self._writing: Deferred[None] | None = None
        self._again = Timer(reactor, self._write_soon)
        self._lease = 0
        self._renew_at = 0.0
        self._last = 0
        self._broken: dict[str, float] = {}

    def record(self, subject: str, text: str, lines: Sequence[str] = (), by: str = "") -> None:
        """
        Record an event about ``subject`` (a service, an instance, an image, a key), with the lines that a container
        logged, or the person who did it. These texts are untrusted: control characters are escaped before they reach a
        log or a terminal.
        """
        self._record(_Waiting(Event(self._wall(), self._node, subject, text, tuple(lines), by)))

    def record_expected(self, subject: str, text: str) -> None:
        """Record an event that is no trouble: the log has it, but not as a warning."""
        self._record(_Waiting(Event(self._wall(), self._node, subject, text)), is_trouble=False)

    def record_once(self, subject: str, text: str, *what: object, by: str = "") -> None:
        """Record an event about something that all agents see, unless one of them did: ``what`` is the same for all."""
        digest = sha256("\n".join(map(str, what)).encode(errors="backslashreplace")).hexdigest()
        self.record_first(self._keys.shared(digest), subject, text, 0.0, by)

    def record_last(self, key: str, subject: str, text: str) -> None:
        """Record that the agent is stopped, at a key where others find it: Note [The last event]."""
        self._record(_Waiting(Event(self._wall(), self._node, subject, text), key), is_trouble=False)
        self._waiting.rotate()

    def record_first(self, key: str, subject: str, text: str, ago: float, by: str = "") -> None:
        """Record an event of so many seconds ago, unless an agent wrote one at this key before."""
        event = Event(self._wall() - ago, self._node, subject, text, by=by)
        self._record(_Waiting(event, key, is_first=True))

    def record_instead(self, key: str, subject: str, text: str) -> None:
        """Record an event that is no trouble, and delete the one at this key."""
        self._record(_Waiting(Event(self._wall(), self._node, subject, text), instead_of=key), is_trouble=False)

    async def told(self, *places: str) -> frozenset[str]:
        """Return the keys of the events that begin with one of these. :raises EtcdError: as the store does."""
        found = await self._run(self._store.list, places)
        return frozenset(entry.key for entry in found.entries)

    def _record(self, one: _Waiting, is_trouble: bool = True) -> None:
        subject, text = printable(one.event.subject[:LONGEST_SUBJECT]), printable(one.event.text)
        log = self.log.warn if is_trouble else self.log.info
        log("event: {subject}: {text}", subject=subject, text=text)
        lines = tuple(printable(line) for line in one.event.lines)
        written = evolve(one.event, subject=subject, text=text, lines=lines, by=printable(one.event.by))
        self._waiting.append(evolve(one, event=written))
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
            self.record_once(one.key, f"cannot be read: {one.reason}", one.key, one.revision)
        if len(found) > MOST_AT_ONCE:
            text, last = f"{len(found) - MOST_AT_ONCE} more values in etcd cannot be read: see status", found[-1]
            self.record_once(self._node, text, "more", last.key, last.revision)

    def startService(self) -> None:
        super().startService()
        self._write_soon()

    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        self._again.cancel()
        return self._writing

    def _write_soon(self) -> None:
        if self._waiting and self.running and (self._writing is None or self._writing.called):
            self._writing = Deferred.fromCoroutine(self._write())

    async def _write(self) -> None:
        try:
            while self._waiting and self.running:
                await self._run(self._write_one, self._waiting.popleft())
        except EtcdError as error:
            self._renew_at = 0.0  # the lease may be at fault: the next event takes a new one
            self.log.info("an event was not written to etcd: {reason}", reason=error)
        except Exception:
            self.log.failure("an event was not written to etcd")
        if self._waiting and self.running:
            self._again.set(AGAIN)

    def _write_one(self, one: _Waiting) -> None:
        """Write an event; called in a thread, by one at a time. See Note [Short-lived] and Note [The last event]."""
        if self._reactor.seconds() >= self._renew_at:
            self._lease, self._renew_at = self._store.grant(LIFE).id, self._reactor.seconds() + LIFE / 2
        key = one.key
        if not key:
            self._last = max(self._last + 1, one.event.number)
            key = self._keys.event(self._node, self._last)
        deleted = [Delete(one.instead_of)] if one.instead_of else []
        put = Put(key, one.event.encode(), self._lease)
        self._store.commit([Absent(key)] if one.is_first else [], [*deleted, put])
