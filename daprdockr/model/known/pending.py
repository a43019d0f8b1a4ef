"""
Changes of etcd that wait to be taken over: of each key only what still matters. Knows nothing of threads.

Note [Newest wins]
    Somebody may write faster than anybody can read. What waits is therefore no longer than the keys are many: a newer
    value of a key takes the place of the one that waits. A deletion stays before what is written after it, because it
    is evidence: Note [Only evidence removes] in ``daprdockr.model.known.cluster``. What is left comes in the order of
    etcd, and in one batch, so that no transaction is ever seen in part.
"""

from __future__ import annotations

from attrs import define, field

from daprdockr.model.stored.entries import Batch, Change, Deleted

CHANGE_SIZE = 4096
"""
What a change counts beside its value: more than it takes in memory, because taking it over takes time, and what is
taken over at once is bounded by size.
"""


@define(eq=False)
class Pending:
    """Everything up to ``revision`` of one cluster; ``size`` is in bytes, of values and ``CHANGE_SIZE`` for each."""

    cluster_id: int
    revision: int = 0
    size: int = 0
    _changes: dict[tuple[str, bool], Change] = field(factory=dict)
    """By key, and whether it is a deletion; the order is that of etcd."""

    @property
    def batch(self) -> Batch:
        """What has to be taken over."""
        return Batch(self.cluster_id, self.revision, tuple(self._changes.values()))

    def add(self, batch: Batch) -> None:
        """The next batch that the watch brought."""
        for change in batch.changes:
            if change.mod_revision >= self.revision:  # else it comes again: Note [Own writes come twice] in ``cluster``
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
