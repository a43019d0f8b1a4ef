"""
The number that distinguishes an etcd from one whose data was lost: Note [The identity of an etcd] in ``known.history``.
"""

from __future__ import annotations

import re

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.entries import Change, Deleted, Listing


def read_identity(change: Change) -> int:
    """Return the identity, or 0 if the key was deleted. :raises BadInput: no agent wrote the value."""
    if isinstance(change, Deleted):
        return 0
    if not re.fullmatch(rb"[0-9a-f]{1,15}", change.value):
        raise BadInput("it is no identity: delete the key, and an agent writes another")
    return int(change.value, 16)


def identity_in(listing: Listing, key: str) -> int:
    """Return the identity in a list, 0 if it has none, or -1, which equals nothing, if no agent wrote its value."""
    try:
        return next((read_identity(entry) for entry in listing.entries if entry.key == key), 0)
    except BadInput:
        return -1
