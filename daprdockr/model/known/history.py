# -*- test-case-name: tests.unit.model.known.test_continuity,tests.unit.model.stored.test_identity -*-
"""
The history that the mirror's entries come from: which etcd, how much of it is known, and whether a list continues it.

Note [The identity of an etcd]
    An etcd whose data was lost may come back with the same cluster id (same members, same token), and its revision
    grows past the one remembered. So the first agent writes a random number under ``identity``, and a listing with
    another number, or none, is foreign whatever its revision is: the doubt lasts until a person ends it. Only an
    identity that is seen to be deleted, in etcd's order, makes room for another.

Note [Marks of an unbroken history]
    A watch that broke resumes where it ended, and nothing it reports then shows that the history is still the same. Its
    reports are true nevertheless, and each deletion is evidence; but a mark from another history would attest to things
    that history never contained. So marks are taken only from a list that was judged, and from the watch that followed
    it until that watch broke.

Note [A lost report]
    Servers of etcd lose the report of a change now and then (its issues 17529 and 20655). A definition whose creation
    was lost looks in the next list like one that was deleted, and that a restored etcd brings back. So the deletions
    since the newest mark are remembered. A definition that is not among them was not deleted after the mark, and an
    etcd that holds the mark holds every deletion before it: so it never was deleted, and is taken over. Of deletions
    that an earlier agent saw nothing is known, so this counts from the first mark after the start on.
"""

from __future__ import annotations

from functools import partial

from attrs import define, field

from daprdockr.model.errors import BadInput, DaprdockrError
from daprdockr.model.known.continuity import Known, contradiction, unexplained
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.entries import Change, Deleted, Entry, Listing
from daprdockr.model.stored.identity import identity_in, read_identity
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.marks import Marks, attested, decode_marks, marks_in
from daprdockr.model.stored.mirrored_keys import IdentityKey, MarksKey


class ForeignEtcd(DaprdockrError):
    """This etcd is not the one remembered in the state directory; nothing is changed on its word."""


class BrokenHistory(ForeignEtcd):
    """It is the same etcd with another history: it was restored, and will never again be what it was."""


@define(eq=False)
class History:
    """Which etcd is mirrored, up to which revision. ``cluster_id`` and ``revision`` are 0 until anything is known."""

    cluster_id: int = 0
    identity: int = 0
    """0: none has been written yet."""
    revision: int = 0
    begun: int = 0
    """How often the mirror began anew with another history."""
    superseded: int = 0
    """The largest revision of any history that was given up for another."""
    marks: Marks = ()
    """See Note [Marks of an unbroken history]."""
    unbroken: bool = False
    """Whether everything since the last list came by one watch."""
    changed_at: int = 0
    """The revision of the last change of anything but the marks."""
    defined_at: int = 0
    """The revision of the last change of a definition."""
    complete_from: int | None = None
    """The revision from which on every deletion is known; None until anything is known."""
    _ended: dict[str, int] = field(factory=dict)
    """The definitions that were deleted since the newest mark, with the revision. See Note [A lost report]."""

    def judge(self, known: Known, listing: Listing, keys: Keys) -> tuple[Entry, ...]:
        """
        Return what a list leaves unexplained; it may be taken over unless ``continuity.refutation`` finds a reason.

        :raises ForeignEtcd, BrokenHistory: the list must not be taken over.
        """
        self.check(listing, keys)
        shown = attested(self.marks, marks_in(listing, keys.marks))
        revision = self.revision if self.identity else 0
        reason = contradiction(known, revision, listing, keys, partial(self._may_have_ended, shown or 0))
        if reason:
            raise BrokenHistory(reason)
        if shown is None:
            raise BrokenHistory(f"this etcd does not hold mark {self.marks[-1].number} of the history known here")
        return unexplained(known, self.revision, shown, listing, keys)

    def _may_have_ended(self, shown: int, key: str) -> bool:
        """
        Return whether a definition that is not known may have been deleted: Note [A lost report].

        :param shown: the revision up to which an etcd is attested to have the history known here.
        """
        newest = self.marks[-1].revision if self.marks else 0
        is_complete = self.complete_from is not None and self.complete_from <= newest
        return not (is_complete and newest <= shown and key not in self._ended)

    def check(self, listing: Listing, keys: Keys) -> None:
        """:raises ForeignEtcd, BrokenHistory: cluster id, identity or revision shows another history."""
        if self.cluster_id and listing.cluster_id != self.cluster_id:
            raise ForeignEtcd(
                f"this etcd is another cluster ({listing.cluster_id:x}) than the one known here ({self.cluster_id:x})"
            )
        if self.identity and identity_in(listing, keys.identity) != self.identity:
            raise ForeignEtcd("this etcd does not hold the identity known here: its data was lost, or is another's")
        if listing.revision < self.revision:
            raise BrokenHistory(f"this etcd went back from revision {self.revision} to {listing.revision}")

    def continue_with(self, listing: Listing) -> None:
        """Record that a list is being taken over."""
        self.cluster_id, self.unbroken = listing.cluster_id, True
        if self.complete_from is None:
            self.complete_from = listing.revision

    def begin_anew(self, listing: Listing) -> None:
        """Give up this history for that of a list."""
        self.begun += 1
        self.superseded = max(self.superseded, self.revision)
        self.cluster_id, self.revision, self.unbroken = listing.cluster_id, 0, True
        self.identity, self.marks = 0, ()
        self.changed_at = self.defined_at = 0
        self.complete_from, self._ended = listing.revision, {}

    def note_write(self, name: object, revision: int) -> None:
        """Record that the key of that name was written or deleted at ``revision``."""
        if not isinstance(name, MarksKey):
            self.changed_at = max(self.changed_at, revision)
        if isinstance(name, ServiceName):
            self.defined_at = max(self.defined_at, revision)

    def note_end(self, deleted: Deleted) -> None:
        """Record that a definition was deleted, whether it was known or not."""
        self._ended[deleted.key] = max(deleted.mod_revision, self._ended.get(deleted.key, 0))

    def set(self, name: IdentityKey | MarksKey, change: Change) -> None:
        """Take over a change of identity or marks. :raises BadInput: if no agent wrote the value."""
        if isinstance(change, Entry) and change.omitted:
            raise BadInput(change.omitted)
        if isinstance(name, IdentityKey):
            self.identity = read_identity(change)
        else:
            self.marks = decode_marks(change.value) if isinstance(change, Entry) else ()
            attested_to = self.marks[-1].revision if self.marks else 0
            self._ended = {key: revision for key, revision in self._ended.items() if revision > attested_to}
