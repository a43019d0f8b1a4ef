"""
The reports of etcd's follower, on their way from the follower's thread to the reactor's. Knows order and amount, and no
meaning.

Note [Short turns]
    Heartbeats, DNS and all decisions share one thread with the changes of etcd, which may be many: a list of
    everything, or a client that writes without a pause. So one turn of the reactor takes over as much as it can in
    ``TURN`` seconds, and the rest waits for later turns. Most of the work is reading values, which is done in advance,
    value by value; then all changes that belong together are taken over in one step.

Note [The follower waits]
    The queue for the reactor is bounded: one list, and ``MOST_WAITING`` bytes of changes, of which the newest of each
    key wins (Note [Newest wins] in ``daprdockr.model.known.pending``). When there is more, the follower waits, and
    etcd's watch with it. Nothing overtakes anything: a list waits for the list before it, and the report that etcd is
    out of reach waits for everything reported earlier.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from twisted.logger import Logger

from daprdockr.model.errors import EtcdError
from daprdockr.model.known.pending import Pending
from daprdockr.model.stored.entries import Batch, Change, Listing

TURN = 0.01
"""Seconds of one turn of the reactor that are spent on changes of etcd, plus or minus one value."""

MOST_BYTES = 4 * 1024 * 1024
"""The most bytes of changes that wait while the reactor is busy."""

MOST_ITEMS = 100
"""The most items that wait; each is a list, changes between two lists, or a loss."""

Report = Listing | Pending | str


class Intake:
    """
    Implements ``daprdockr.etcd.follow.Listener``, whose methods are called in the follower's thread.

    :param prepare: called with each change some time before it is taken over, to do part of the work in advance.
    :param listed: takes over a list, as ``changed`` does changes and ``lost`` the reason why etcd is out of reach. All
        four are called in the reactor's thread.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: Any,
        prepare: Callable[[Change], None],
        listed: Callable[[Listing], None],
        changed: Callable[[Batch], None],
        lost: Callable[[str], None],
    ) -> None:
        self._reactor = reactor
        self._prepare = prepare
        self._take_list = listed
        self._take_changes = changed
        self._take_loss = lost
        self._room = threading.Condition()
        self._waiting: deque[Report] = deque()
        self._taking: Report | None = None
        self._unprepared: Iterator[Change] = iter(())
        self._awake = False
        self._closed = False

    # In the follower's thread: see Note [The follower waits].

    def listed(self, listing: Listing) -> None:
        with self._room:
            self._room.wait_for(lambda: self._closed or not self._has_list())
            self._put(listing)

    def changed(self, batch: Batch) -> None:
        with self._room:
            self._room.wait_for(lambda: self._closed or self._has_room())
            last = self._waiting[-1] if self._waiting else None
            if not isinstance(last, Pending) or last.cluster_id != batch.cluster_id:
                last = Pending(batch.cluster_id)
                self._put(last)
            last.add(batch)

    def lost(self, error: EtcdError) -> None:
        with self._room:
            if self._waiting and isinstance(self._waiting[-1], str):
                self._waiting.pop()
            self._put(str(error))

    def _has_list(self) -> bool:
        return any(isinstance(report, Listing) for report in (self._taking, *self._waiting))

    def _has_room(self) -> bool:
        size = sum(report.size for report in self._waiting if isinstance(report, Pending))
        return size < MOST_BYTES and len(self._waiting) < MOST_ITEMS

    def _put(self, report: Report) -> None:
        if self._closed:
            return
        self._waiting.append(report)
        if not self._awake:
            self._awake = True
            self._reactor.callFromThread(self._turn)

    # In the reactor's thread: see Note [Short turns].

    def close(self) -> None:
        """Take over nothing more, and release the follower."""
        with self._room:
            self._closed = True
            self._waiting.clear()
            self._room.notify_all()

    def _turn(self) -> None:
        until = self._reactor.seconds() + TURN
        while self._taking is not None or self._begin():
            try:
                if self._has_prepared(until):
                    self._take_over()
            except Exception:
                self.log.failure("a report of etcd could not be taken over")
                self._done()
            if self._reactor.seconds() >= until:
                self._reactor.callLater(0, self._turn)
                return

    def _begin(self) -> bool:
        """Return whether there is anything to take over."""
        with self._room:
            if not self._waiting:
                self._awake = False
                return False
            self._taking = report = self._waiting.popleft()
            self._room.notify_all()
        self._unprepared = iter(_changes(report))
        return True

    def _has_prepared(self, until: float) -> bool:
        """Prepare the changes one after the other; return whether all were prepared in time."""
        for change in self._unprepared:
            self._prepare(change)
            if self._reactor.seconds() >= until:
                return False
        return True

    def _take_over(self) -> None:
        match self._taking:
            case Listing() as listing:
                self._take_list(listing)
            case Pending() as pending:
                self._take_changes(pending.batch)
            case str() as reason:
                self._take_loss(reason)
        self._done()

    def _done(self) -> None:
        with self._room:
            self._taking = None
            self._room.notify_all()


def _changes(report: Report) -> Iterable[Change]:
    match report:
        case Listing():
            return report.entries
        case Pending():
            return report.batch.changes
    return ()
