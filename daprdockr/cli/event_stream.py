# -*- test-case-name: tests.unit.cli.commands.test_events -*-
"""
The events in etcd: those that are there, and then those that come.

Note [Each event once]
    The watch begins behind the revision of the list, and is opened again where it broke, so nothing is missed. Only if
    etcd no longer has what was since then, or is another one, the events are listed again, and those left out whose
    keys were there before: no two events have the same key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from attrs import define, field

from daprdockr.model.errors import EtcdHistoryLost, EtcdUnavailable
from daprdockr.model.seams import Store, Watch
from daprdockr.model.stored.entries import Batch, Deleted
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.keys import Keys
from daprdockr.picture.events import read_events

PAUSE = 0.2
"""Seconds between two attempts to open the watch."""

PATIENCE = 1.0
"""Seconds without etcd that are not worth a line: an election takes longer seldom."""


@define(eq=False)
class EventStream:
    """
    Iterate over it, once, for events as they come, the first of them sorted by time. ``close``, from another thread,
    ends it.

    :ivar clock: monotonic seconds.
    :ivar pause: blocks for so many.
    :ivar complain: takes one line about each time that etcd is away.
    """

    store: Store
    keys: Keys
    clock: Callable[[], float]
    pause: Callable[[float], None]
    complain: Callable[[str], object]
    closed: bool = field(init=False, default=False)
    _watch: Watch | None = field(init=False, default=None)
    _cluster: int = field(init=False, default=0)
    _revision: int = field(init=False, default=0)
    _known: set[str] = field(init=False, factory=set)
    _away_since: float | None = field(init=False, default=None)
    _said: bool = field(init=False, default=False)

    def __iter__(self) -> Iterator[Sequence[Event]]:
        """:raises EtcdUnavailable, EtcdRefused: etcd did not answer at the beginning, or refuses."""
        yield self._listed()
        while not self.closed:
            try:
                yield from self._watched()
            except EtcdUnavailable as error:
                self._is_away(error)
            except EtcdHistoryLost:
                with suppress(EtcdUnavailable):
                    yield self._listed()
            if not self.closed:
                self.pause(PAUSE)

    def close(self) -> None:
        self.closed = True
        if self._watch is not None:
            self._watch.close()

    def _listed(self) -> Sequence[Event]:
        listing = self.store.list(self.keys.events)
        new = [entry for entry in listing.entries if entry.key not in self._known]
        self._known = {entry.key for entry in listing.entries}
        self._cluster, self._revision = listing.cluster_id, listing.revision
        return read_events(new)

    def _watched(self) -> Iterator[Sequence[Event]]:
        """See Note [Each event once]."""
        watch = self._watch = self.store.watch(self.keys.events, self._revision + 1)
        try:
            for batch in () if self.closed else watch:
                if batch.cluster_id != self._cluster:
                    raise EtcdHistoryLost("this is another etcd: list again")
                self._away_since, self._said = None, False
                self._revision = batch.revision
                if events := self._new(batch):
                    yield events
        finally:
            watch.close()

    def _new(self, batch: Batch) -> Sequence[Event]:
        found = []
        for change in batch.changes:
            if isinstance(change, Deleted):
                self._known.discard(change.key)
            elif change.key not in self._known:
                self._known.add(change.key)
                found.append(change)
        return read_events(found)

    def _is_away(self, error: EtcdUnavailable) -> None:
        now = self.clock()
        if self._away_since is None:
            self._away_since = now
        if not self._said and now - self._away_since >= PATIENCE:
            self._said = True
            self.complain(f"{error}; events are shown again as soon as it answers, none is lost")
