# -*- test-case-name: tests.unit.cli.commands.test_events -*-
"""
The events in etcd, and the changes of definitions: those that are there, and then those that come.

Note [Each event once]
    The watch begins behind the revision of the list, and is opened again where it broke, so nothing is missed. Only if
    etcd no longer has what was since then, or is another one, the events are listed again, and those left out whose
    keys were there before: no two events have the same key, nor have two revisions of a service.

Note [A change and the one before]
    A revision that comes says what it changed only beside the one before it. So the history of its service is read
    then; a revision that others have pushed out by that time is not shown. One whose key was written again, with the
    mark that it is good, is no change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress

from attrs import define, field

from daprdockr.model.errors import EtcdHistoryLost, EtcdUnavailable
from daprdockr.model.seams import Store, Watch
from daprdockr.model.stored.entries import Batch, Deleted, Entry, Prefixes
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.keys import Keys
from daprdockr.picture.events import happened

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
    :ivar places: returns the prefixes of the events, and of the revisions that are shown at first.
    :ivar since: the time of the first change that is shown, in wall-clock seconds.
    """

    store: Store
    keys: Keys
    clock: Callable[[], float]
    pause: Callable[[float], None]
    complain: Callable[[str], object]
    places: Callable[[], Prefixes]
    since: float = 0.0
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
        listing = self.store.list(self.places())
        new = {entry.key for entry in listing.entries if entry.key not in self._known}
        self._known = {entry.key for entry in listing.entries}
        self._cluster, self._revision = listing.cluster_id, listing.revision
        return self._happened(listing.entries, new)

    def _watched(self) -> Iterator[Sequence[Event]]:
        """See Note [Each event once]."""
        watch = self._watch = self.store.watch((self.keys.events, self.keys.histories), self._revision + 1)
        try:
            for batch in () if self.closed else watch:
                if batch.cluster_id != self._cluster:
                    raise EtcdHistoryLost("this is another etcd: list again")
                self._away_since, self._said = None, False
                events = self._new(batch)
                self._revision = batch.revision
                if events:
                    yield events
        finally:
            watch.close()

    def _new(self, batch: Batch) -> Sequence[Event]:
        gone = {change.key for change in batch.changes if isinstance(change, Deleted)}
        found = [change for change in batch.changes if isinstance(change, Entry) and change.key not in self._known]
        new = {one.key for one in found if one.key.startswith(self.keys.events) or _is_new(one)}
        histories = {key.rpartition("/")[0] + "/" for key in new if key.startswith(self.keys.histories)}
        revisions = self.store.list(tuple(sorted(histories))).entries if histories else ()
        self._known = (self._known | {one.key for one in found}) - gone
        return self._happened((*(one for one in found if one.key.startswith(self.keys.events)), *revisions), new)

    def _happened(self, entries: Iterable[Entry], new: AbstractSet[str]) -> Sequence[Event]:
        found = happened(self.keys, entries, self.since)
        return sorted(event for key, event in found.items() if key in new)

    def _is_away(self, error: EtcdUnavailable) -> None:
        now = self.clock()
        if self._away_since is None:
            self._away_since = now
        if not self._said and now - self._away_since >= PATIENCE:
            self._said = True
            self.complain(f"{error}; events are shown again as soon as it answers, none is lost")


def _is_new(entry: Entry) -> bool:
    return entry.create_revision == entry.mod_revision
