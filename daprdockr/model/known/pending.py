"""
Changes of etcd that wait to be taken over, reduced to those that still matter. Knows nothing of threads.

Note [Newest wins]
    A client may write faster than any agent can read. The queue is therefore bounded by the number of keys: a newer
    value of a key replaces the one that waits. A deletion stays before a later write of the same key, because it is
    evidence: Note [Only evidence removes] in ``daprdockr.model.known.cluster``. The remaining changes keep etcd's order
    and form one batch, so that no transaction is ever seen in part.
"""

from __future__ import annotations

from attrs import define, field

from daprdockr.model.stored.entries import Batch, Change, Deleted

CHANGE_SIZE = 4096
"""
The size that a change counts in addition to its value: more than its size in memory, because taking it over takes time,
and the work of one turn is bounded by size.
"""


@define(eq=False)
class Pending:
    """Everything up to ``revision`` of one cluster; ``size`` is in bytes, of values and ``CHANGE_SIZE`` for each."""

    cluster_id: int
    revision: int = 0
    size: int = 0
    _changes: dict[tuple[str, bool], Change] = field(factory=dict)
    """By key, and whether it is a deletion; in etcd's order."""

    @property
    def batch(self) -> Batch:
        """The changes that wait, as one batch."""
        return Batch(self.cluster_id, self.revision, tuple(self._changes.values()))

    def add(self, batch: Batch) -> None:
        """Add the next batch of the watch."""
        for change in batch.changes:
            # otherwise it comes again: Note [Own writes come twice] in ``held``
            if change.mod_revision >= self.revision:
                self._add(change)
        self.revision = max(self.revision, batch.revision)

    def _add(self, change: Change) -> None:
        """See Note [Newest wins]."""
        deletes = isinstance(change, Deleted)
        self._drop(change.key, False)
        if deletes:
            self._drop(change.key, True)
        self._changes[change.key, deletes] = change
        self.size += _size(change)

    def _drop(self, key: str, deletes: bool) -> None:
        old = self._changes.pop((key, deletes), None)
        if old is not None:
            self.size -= _size(old)


def _size(change: Change) -> int:
    return CHANGE_SIZE + (0 if isinstance(change, Deleted) else len(change.value))
