"""
Judges whether a list of etcd continues the history that an agent knows, or comes from another one. Pure.

Note [No restored history passes]
    An etcd that was restored from a snapshot has the cluster id and the identity of before, and as soon as enough was
    written, or its revision was bumped, a revision beyond the one known. The writes between the snapshot and the loss
    are missing there, and look as if their keys had been deleted. So a list is taken over only if each of these holds:

    1. Its revision is not smaller than the one known.
    2. Its content does not contradict the known one: no key is older than it was seen, or another value of the same
       revision, or a definition from before the revision known that was not there then and may have been deleted:
       Note [A lost report] in ``history``.
    3. The newest mark known is in its chain: Note [Marks] in ``daprdockr.model.stored.marks``.
    4. Every known key that is gone, or has changed, was part of this history. A younger mark that is known shows it;
       keys that are younger than all marks are read again at the revision known, where they must be as they are known.
       Once etcd has compacted that revision away, an agent accepts only a mark as evidence for a definition's end.

    So a definition is believed to be deleted only by an etcd that is known to have held it. Everything else that a list
    can take away (claims, nodes) stops no container by its absence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from daprdockr.model.errors import BadInput
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.entries import Entry, Listing
from daprdockr.model.stored.keys import Keys

Known = Mapping[str, Entry]
"""All that is known below our prefix, by key."""


def contradiction(
    known: Known,
    revision: int,
    listing: Listing,
    keys: Keys,
    was_deleted: Callable[[str], bool] = lambda key: True,
) -> str:
    """
    Return as text how a list contradicts the known history; "" if it does not. Conditions 1 and 2.

    :param revision: the revision up to which everything is known; 0: unknown.
    :param was_deleted: whether a definition that is not known, by its key, may have been deleted.
    """
    if listing.revision < revision:
        return f"this etcd went back from revision {revision} to {listing.revision}"
    for entry in listing.entries:
        seen = known.get(entry.key)
        if seen is None:
            of_before = entry.mod_revision <= revision and isinstance(_named(keys, entry.key), ServiceName)
            if of_before and was_deleted(entry.key):
                return f"this etcd holds {entry.key} of revision {entry.mod_revision}, which was deleted later"
        elif entry.mod_revision < seen.mod_revision <= listing.revision:
            return (
                f"this etcd holds {entry.key} of revision {entry.mod_revision}, "
                f"which was written later, at revision {seen.mod_revision}"
            )
        elif entry.mod_revision == seen.mod_revision and not _is_same(entry, seen):
            return f"this etcd holds another {entry.key} of revision {entry.mod_revision}"
    return ""


def unexplained(known: Known, revision: int, attested: int, listing: Listing, keys: Keys) -> tuple[Entry, ...]:
    """
    Return the known entries, up to ``revision``, that are not in the list unchanged, and that no mark shows to have
    been there.

    :param attested: the revision of the youngest known mark that is there.
    """
    present = {entry.key: entry.mod_revision for entry in listing.entries}
    young = (entry for entry in known.values() if attested < entry.mod_revision <= revision)
    # The chain of marks is judged by its content.
    return tuple(e for e in young if present.get(e.key) != e.mod_revision and e.key != keys.marks)


def refutation(missed: tuple[Entry, ...], past: Listing | None, listing: Listing, keys: Keys) -> str:
    """
    Return as text why the ``unexplained`` entries were not part of this history; "" if they were, or nothing depends on
    it.

    :param past: everything at the revision known; None: it was compacted away.
    """
    if past is not None:
        then = {entry.key: entry for entry in past.entries}
        lost = [entry for entry in missed if entry.key not in then or not _is_same(entry, then[entry.key])]
        return f"this etcd never held {_some(lost)}" if lost else ""
    present = {entry.key for entry in listing.entries}
    absent = [entry for entry in missed if entry.key not in present]
    lost = [entry for entry in absent if isinstance(_named(keys, entry.key), ServiceName)]
    return f"nothing shows that this etcd, which lacks it, ever held {_some(lost)}" if lost else ""


def _is_same(one: Entry, other: Entry) -> bool:
    written = (one.create_revision, one.mod_revision, one.lease) == (
        other.create_revision,
        other.mod_revision,
        other.lease,
    )
    return written and (one.value == other.value or bool(one.omitted or other.omitted))


def _some(lost: list[Entry]) -> str:
    first = min(lost, key=lambda entry: entry.mod_revision)
    more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
    return f"{first.key} of revision {first.mod_revision}{more}"


def _named(keys: Keys, key: str) -> object:
    try:
        return keys.read(key)
    except BadInput:
        return None
