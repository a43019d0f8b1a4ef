"""The timeline: what happened lately and who changed what, the latest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from attrs import frozen

from daprdockr.model.stored.events import Event
from daprdockr.model.stored.history import Revision, Revisions
from daprdockr.picture.extent import extent
from daprdockr.picture.history import changes

MOST_NAMED = 4
"""Changes of a definition that are named."""


@frozen(order=True)
class Happening:
    """
    One line of the timeline. ``time`` is wall-clock seconds by the clock of the one who wrote it; ``who`` is a person,
    such as "anna@desk", or a node; ``lines`` are what a container logged before it ended.
    """

    time: float
    who: str
    subject: str
    text: str
    lines: tuple[str, ...] = ()
    is_by_person: bool = False


def timeline(events: Iterable[Event], histories: Iterable[Revisions], most: int) -> tuple[Happening, ...]:
    """Return the latest events and changes of definitions, the latest first."""
    found = [_reported(event) for event in (*events, *(one for history in histories for _, one in stored(history)))]
    return tuple(sorted(found, reverse=True)[:most])


def _reported(event: Event) -> Happening:
    who = event.by or event.node
    return Happening(event.time, who, event.subject, event.text, event.lines, is_by_person=bool(event.by))


def stored(history: Revisions) -> Iterator[tuple[int, Event]]:
    """Yield the numbers of the revisions of which it is known when they were stored, each with what it changed."""
    first = history.revisions[:1]
    found = [(one, _created(one) if one.number == 1 else "stored") for one in first]
    found += [
        (after, _in_short(list(changes(before.record.definition, after.record.definition))))
        for before, after in pairwise(history.revisions)
    ]
    yield from ((one.number, _change(history, one, text)) for one, text in found if one.record.time)


def _change(history: Revisions, revision: Revision, text: str) -> Event:
    record = revision.record
    node = record.by.rpartition("@" if "@" in record.by else " ")[2]  # "apply by anna@desk", or "revert by node a"
    return Event(record.time, node, str(history.service), f"{text} (revision {revision.number})", by=record.by)


def _created(revision: Revision) -> str:
    definition = revision.record.definition
    return f"created {'with' if definition.schedule is None else 'as'} {extent(definition)}"


def _in_short(what: list[str]) -> str:
    if not what:
        return "stored again without a change"
    more = [f"{len(what) - MOST_NAMED} more"] if len(what) > MOST_NAMED else []
    return ", ".join([*what[:MOST_NAMED], *more])
