# -*- test-case-name: tests.unit.model.known.test_cluster -*-
"""
The entries of the mirror as etcd reported them, and the own deletions that its watch has not reported yet.

Note [Own writes come twice]
    The agent notes its own successful writes at once, so that the next plan sees them, and they arrive again by the
    watch. Every change is compared with the ``mod_revision`` the key has here, or had when it was deleted; older ones
    are ignored. Own deletions are remembered until the watch has passed them. A change from before the revision of the
    mirror is old whatever its key (``Cluster.apply``): the answer to an own write, or an old server that repeats
    itself, may come after the key was deleted again, and must not bring it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define, evolve, field

from daprdockr.model.stored.entries import Change, Deleted, Entry


@define(eq=False)
class HeldEntries:
    """Entries by key, readable or not, and the revisions of own deletions."""

    by_key: dict[str, Entry] = field(factory=dict)
    _deleted: dict[str, int] = field(factory=dict)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.by_key.values())

    def is_news(self, change: Change) -> bool:
        """Return whether a change is younger than what is held of its key."""
        known = self.by_key.get(change.key)
        latest = max(known.mod_revision if known else 0, self._deleted.get(change.key, 0))
        if isinstance(change, Deleted):
            return known is not None and change.mod_revision >= latest
        return change.mod_revision > latest

    def hold(self, change: Change) -> None:
        """Keep what etcd reported."""
        if isinstance(change, Entry):
            self.by_key[change.key] = change
        else:
            self.by_key.pop(change.key, None)

    def drop_value(self, entry: Entry, reason: str) -> None:
        """Keep the key of an entry that is held, without its value."""
        self.by_key[entry.key] = evolve(entry, value=b"", omitted=reason)

    def note_deletions(self, own: Iterable[Change]) -> None:
        """Remember the deletions among own writes."""
        self._deleted.update({change.key: change.mod_revision for change in own if isinstance(change, Deleted)})

    def forget_deletions(self, revision: int) -> None:
        """Forget the own deletions that the watch has passed at this revision."""
        self._deleted = {key: deleted for key, deleted in self._deleted.items() if deleted > revision}

    def clear(self) -> None:
        """Forget everything, because another history begins."""
        self.by_key.clear()
        self._deleted.clear()

    def absent_from(self, listed: Iterable[Entry]) -> list[Entry]:
        """Return the entries whose keys a list does not have."""
        present = {entry.key for entry in listed}
        return [entry for entry in self if entry.key not in present]

    def written(self, key: str, value: bytes, before: int, revision: int) -> Entry:
        """
        Return what an own write of a key without a lease left in etcd: a key that is written again keeps its create
        revision.

        :param before: the mod revision that the write compared; 0: the key did not exist.
        :param revision: that of the write.
        """
        held = self.by_key.get(key) if before else None
        return Entry(key, value, revision if held is None else held.create_revision, revision)
