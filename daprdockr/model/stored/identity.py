"""The number that tells an etcd from one whose data was lost: Note [The identity of an etcd] in ``known.history``."""

from __future__ import annotations

import re

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.entries import Change, Deleted, Listing


def read_identity(change: Change) -> int:
    """:raises BadInput: a value that no agent wrote."""
    if isinstance(change, Deleted):
        return 0
    if not re.fullmatch(rb"[0-9a-f]{1,15}", change.value):
        raise BadInput("it is no identity: delete the key, and an agent writes another")
    return int(change.value, 16)


def identity_in(listing: Listing, key: str) -> int:
    """-1 for one that no agent wrote, which equals nothing."""
    try:
        return next((read_identity(entry) for entry in listing.entries if entry.key == key), 0)
    except BadInput:
        return -1
