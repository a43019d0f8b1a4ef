"""
The marks of a cluster's history: random numbers that agents leave in etcd, and by which a history is known again.

Note [Marks]
    The key ``marks`` holds a chain of marks, oldest first. Each says up to which revision its writer knew the history
    when it drew the mark's number. Nobody can guess that number, so a history that holds it is one in which the mark
    was written, after that revision: it contains everything up to there. One that was restored from a snapshot taken
    before that does not hold it, whatever its revision is, and however much of it was compacted away.

    The last ``RECENT`` marks are kept, and of earlier ones every ``RECENT``-th, so that an agent that comes back after
    months still finds a mark it knows, of some time before it left. Which ones are kept follows from their numbers
    alone: one that should be there and is not was never written in this history.
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
    """:raises BadInput: this is no chain that an agent wrote."""
    rows = parse_json(value)
    if not isinstance(rows, list) or not 0 < len(rows) <= LONGEST:
        raise BadInput("it is no chain of marks: delete the key, and an agent begins another")
    marks = tuple(_mark(row) for row in rows)
    if any(earlier.number >= later.number for earlier, later in pairwise(marks)):
        raise BadInput("its marks are not in order: delete the key, and an agent begins another")
    return marks


def marks_in(listing: Listing, key: str) -> Marks:
    """() for a chain that no agent wrote: it attests nothing."""
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
    """The chain with one mark more, by an agent that knows everything up to ``revision``."""
    latest = marks[-1].number + 1 if marks else 1
    return (*(mark for mark in marks if is_kept(mark.number, latest)), Mark(latest, revision, drawn))


def is_kept(number: int, latest: int) -> bool:
    """Whether a mark is still in a chain that ends with the ``latest``."""
    age = latest - number
    return 0 <= age < RECENT or (number % RECENT == 0 and 0 <= age < RECENT * RECENT)


def attested(known: Marks, present: Marks) -> int | None:
    """
    Up to which revision of the history known this one is the same for certain; None: it is another history.

    :param known: the chain as it was last seen. :param present: the chain that is there now. () for none.
    """
    if not known or not present:
        return 0
    newest, latest = known[-1], present[-1].number
    if newest not in present and (newest.number > latest or is_kept(newest.number, latest)):
        return None
    return max((mark.revision for mark in set(known).intersection(present)), default=0)
