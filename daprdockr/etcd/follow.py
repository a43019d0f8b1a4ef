"""
Reports everything below some prefixes to a listener, whatever happens to connections, members and history.

Does not know what a key means, and judges nothing: a list of another cluster, or of a smaller revision than before, is
handed over unchanged; the listener decides whether to believe it.

Note [No change is missed]
    The listener gets a list at revision R first, then the watch from R + 1 on. When the watch breaks, the next one
    begins after the last reported revision, so nothing is lost. A change that is reported twice carries the same
    ``mod_revision`` (old servers repeat themselves too): listeners ignore changes that are not newer than what they
    have. When etcd no longer has that revision, only a new list helps, and a deletion in between appears as an absence
    from it.

Note [A silent watch]
    A watch may be open and deaf: old servers lose events, and a restored cluster waits until its revision reaches ours.
    No reply distinguishes that from silence, so every ``relist`` seconds the pacer's thread closes the watch, and the
    follower begins again with a list. The follower alone calls the listener.

    Nothing is reported while a list is read, which may take minutes over a slow link. So the pause between two lists is
    at least ``REST`` times as long as the last one took, and a list that falls due during another is skipped.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable
from typing import Protocol

from attrs import define, field, frozen
from twisted.logger import Logger

from daprdockr.model.backoff import Backoff
from daprdockr.model.errors import EtcdError, EtcdHistoryLost
from daprdockr.model.seams import Store, Watch
from daprdockr.model.stored.entries import Batch, Listing, Prefixes
from daprdockr.runtime.logged_once import LoggedOnce

JOIN = 5.0
"""
The timeout of ``stop`` for each thread, in seconds; a call to etcd takes less, except in Note [Pages] in ``pages``.
"""

REST = 10
"""See Note [A silent watch]."""

Pause = Callable[[threading.Event, float], bool]
"""Wait for the event, for at most some seconds; return whether it is set (as ``threading.Event.wait``)."""


class Listener(Protocol):
    """
    The subscriber of a follower, called in the follower's thread; each call of the first two is a sign of life of etcd.
    """

    def listed(self, listing: Listing) -> None:
        """Take everything below the prefixes at one revision, in place of all earlier reports."""

    def changed(self, batch: Batch) -> None:
        """
        Take the changes since then, in the order of etcd; earlier changes may come again.

        An empty batch says that etcd is in touch again after ``lost``, and nothing was missed.
        """

    def lost(self, error: EtcdError) -> None:
        """
        Take note that earlier reports may be out of date until the next call of the others; this may be called
        repeatedly.
        """


@frozen(kw_only=True)
class Pacing:
    """
    The times of a follower.

    :ivar relist: the shortest time between two full lists, in seconds. See Note [A silent watch].
    :ivar chance: gives random numbers in [0, 1).
    """

    relist: float = 60.0
    # Keep retries under a second: a node that reconnects after the others are ready (three beats) loses its instances.
    backoff: Backoff = field(factory=lambda: Backoff(first=0.1, limit=1.0))
    chance: Callable[[], float] = random.random
    pause: Pause = threading.Event.wait
    clock: Callable[[], float] = time.monotonic


@define(kw_only=True, eq=False)
class Follower:
    """Two threads, which follow etcd and have it listed again."""

    log = Logger()

    store: Store
    prefixes: Prefixes
    listener: Listener
    pacing: Pacing = field(factory=Pacing)

    _position: int | None = field(init=False, default=None)
    _cluster_id: int = field(init=False, default=0)
    _failures: int = field(init=False, default=0)
    _in_vain: int = field(init=False, default=0)
    """How many lists in a row no watch could follow: each is a reason to wait longer, because a list costs much."""
    _fault: LoggedOnce = field(init=False)
    """The last one that is no error of etcd, which is logged once until a watch reports something."""
    _took: float = field(init=False, default=0.0)
    _watch: Watch | None = field(init=False, default=None)
    _lock: threading.Lock = field(init=False, factory=threading.Lock)
    _stopping: threading.Event = field(init=False, factory=threading.Event)
    _relist_due: bool = field(init=False, default=False)
    _threads: tuple[threading.Thread, ...] = field(init=False, default=())

    @_fault.default
    def _(self) -> LoggedOnce:
        return LoggedOnce(lambda _: self.log.failure("following etcd failed and begins again with a list"))

    def start(self) -> None:
        self._threads = tuple(
            threading.Thread(target=target, name=f"etcd {target.__name__.strip('_')}", daemon=True)
            for target in (self._follow, self._pace)
        )
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End both threads; the listener is not called afterwards."""
        self._stopping.set()
        self._close_watch()
        for thread in self._threads:
            thread.join(JOIN)
            if thread.is_alive():
                self.log.error("thread {name} did not end", name=thread.name)

    def _follow(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._position is None:
                    self._list()
                self._listen()
            except Exception as error:
                self._failed(error)
                if self.pacing.pause(self._stopping, self.pacing.backoff.delay(self._failures, self.pacing.chance())):
                    return

    def list_again(self) -> None:
        """Begin again with a list; may be called from any thread."""
        with self._lock:
            self._relist_due = True
        self._close_watch()

    def _pace(self) -> None:
        while not self.pacing.pause(self._stopping, max(self.pacing.relist, REST * self._took)):
            self.list_again()

    def _list(self) -> None:
        began = self.pacing.clock()
        listing = self.store.list(self.prefixes)
        with self._lock:
            self._took, self._relist_due = self.pacing.clock() - began, False
        if self._stopping.is_set():
            return
        self.listener.listed(listing)
        self._position, self._cluster_id = listing.revision, listing.cluster_id
        self._failures, self._in_vain = self._in_vain, self._in_vain + 1

    def _listen(self) -> None:
        """Report the batches of one watch until it is closed or breaks."""
        watch = self._open_watch()
        if watch is None:
            return
        with contextlib.closing(watch):
            for batch in watch:
                if self._stopping.is_set():
                    return
                self._report(batch)
        self._position = None

    def _report(self, batch: Batch) -> None:
        if batch.cluster_id != self._cluster_id:
            raise EtcdHistoryLost("another etcd cluster answers at these endpoints: list again")
        if batch.changes or self._failures:
            self.listener.changed(batch)
        assert self._position is not None
        self._position = max(self._position, batch.revision)
        self._failures = self._in_vain = 0
        self._fault.found("")

    def _open_watch(self) -> Watch | None:
        """Return a watch from the position on; None if a list fell due meanwhile, or the follower is stopping."""
        if self._position is None:
            return None
        watch = self.store.watch(self.prefixes, self._position + 1)
        with self._lock:
            if not self._relist_due and not self._stopping.is_set():
                self._watch = watch
                return watch
        watch.close()
        self._position = None
        return None

    def _close_watch(self) -> None:
        with self._lock:
            watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()

    def _failed(self, error: Exception) -> None:
        if self._stopping.is_set():
            return
        self._failures += 1
        if not isinstance(error, EtcdError):
            self._position = None
            self._fault.found(repr(error))
            return
        if isinstance(error, EtcdHistoryLost):
            self._position = None
        self.listener.lost(error)
