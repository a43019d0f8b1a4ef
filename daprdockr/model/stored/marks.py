"""
The marks of a cluster's history: random numbers that agents leave in etcd, and by which a history is recognized.

Note [Marks]
    The key ``marks`` holds a chain of marks, oldest first. Each states up to which revision its writer knew the history
    when it drew the mark's number. Nobody can guess that number, so in a history that contains it the mark was written,
    after that revision: the history contains everything up to there. A history restored from an earlier snapshot does
    not contain the mark, whatever its revision is, and however much of it was compacted away.

    The last ``RECENT`` marks are kept, and of earlier ones every ``RECENT``-th, so that an agent that returns after
    months still finds a mark it knows, from some time before it left. Whether a mark is kept follows from its number
    alone: if one is missing that should be there, it was never written in this history.
"""

from __future__ import annotations

import json
from itertools import pairwise

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.reading import integer, parse_json
from daprdockr.model.stored.entries import Listing

RECENT = 32
LONGEST = 2 * RECENT

_NUMBER = integer(1, 2**63 - 1)


@frozen
class Mark:
    """The ``number``-th mark: its writer drew ``drawn`` when it knew everything up to ``revision``."""

    number: int
    revision: int
    drawn: int


Marks = tuple[Mark, ...]
"""A chain, oldest first."""


def encode_marks(marks: Marks) -> bytes:
    return json.dumps([[mark.number, mark.revision, f"{mark.drawn:x}"] for mark in marks]).encode()


def decode_marks(value: bytes) -> Marks:
    """:raises BadInput: the value is not a chain that an agent wrote."""
    rows = parse_json(value)
    if not isinstance(rows, list) or not 0 < len(rows) <= LONGEST:
        raise BadInput("it is no chain of marks: delete the key, and an agent begins another")
    marks = tuple(_mark(row) for row in rows)
    if any(earlier.number >= later.number for earlier, later in pairwise(marks)):
        raise BadInput("its marks are not in order: delete the key, and an agent begins another")
    return marks


def marks_in(listing: Listing, key: str) -> Marks:
    """Return the chain in a list; () if no agent wrote it, because such a chain attests nothing."""
    try:
        return next((decode_marks(entry.value) for entry in listing.entries if entry.key == key), ())
    except BadInput:
        return ()


def _mark(row: object) -> Mark:
    match row:
        case [number, revision, str(drawn)] if 0 < len(drawn) <= 16 and set(drawn) <= set("0123456789abcdef"):
            return Mark(_NUMBER(number, "a mark's number"), _NUMBER(revision, "a mark's revision"), int(drawn, 16))
    raise BadInput("one of its marks is not usable: delete the key, and an agent begins another")


def with_another(marks: Marks, revision: int, drawn: int) -> Marks:
    """Return the chain with one more mark, by an agent that knows everything up to ``revision``."""
    latest = marks[-1].number + 1 if marks else 1
    return (*(mark for mark in marks if is_kept(mark.number, latest)), Mark(latest, revision, drawn))


def is_kept(number: int, latest: int) -> bool:
    """Return whether a mark is still in a chain that ends with the ``latest``."""
    age = latest - number
    return 0 <= age < RECENT or (number % RECENT == 0 and 0 <= age < RECENT * RECENT)


def attested(known: Marks, present: Marks) -> int | None:
    """
    Return the revision up to which the known history and the present one are certainly the same; None: they differ.

    :param known: the chain as it was last seen.
    :param present: the chain in etcd now. () for none.
    """
    if not known or not present:
        return 0
    newest, latest = known[-1], present[-1].number
    if newest not in present and (newest.number > latest or is_kept(newest.number, latest)):
        return None
    return max((mark.revision for mark in set(known).intersection(present)), default=0)
