# -*- test-case-name: tests.unit.cli.commands.test_history -*-
"""The history of a service: its revisions, and what each changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from daprdockr.model.names import shorten
from daprdockr.model.stored.history import Revisions
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.pinned import asked
from daprdockr.picture.cells import moment, yes_or_no
from daprdockr.picture.table import Column, Table

COLUMNS: tuple[Column, ...] = (
    ("REVISION", lambda row: str(row["Revision"])),
    ("TIME", lambda row: moment(row["Time"])),
    ("BY", lambda row: row["By"]),
    ("GOOD", lambda row: yes_or_no(row["Good"])),
    ("PRESENT", lambda row: yes_or_no(row["Present"])),
    ("CHANGED", lambda row: _in_short(row["Changed"])),
)

_MOST_NAMED = 4
_WIDEST = 40


def history_table(history: Revisions, present: Definition | None) -> Table:
    """
    Return the revisions, oldest first.

    :param present: the definition that is in force.
    """
    records = [one.record for one in history.revisions]
    changed: list[list[str]] = [[] for _ in records[:1]]  # one that an older version stored has no revision yet
    changed += [list(changes(old.definition, new.definition)) for old, new in pairwise(records)]
    last = history.newest_of(present)
    return Table(
        [
            {
                "Revision": one.number,
                "Time": one.record.time,
                "By": one.record.by,
                "Good": one.record.good,
                "Present": one == last,
                "Changed": ["created"] if one.number == 1 else what,
                "Digest": one.record.digest,
                "Definition": one.record.definition.write(),
            }
            for one, what in zip(history.revisions, changed, strict=True)
        ],
        COLUMNS,
    )


def changes(old: Definition, new: Definition) -> Iterator[str]:
    """Yield what differs, one member at a time, by its name; those of ``Container`` by the Engine's own."""
    before, after = (dict(_flat(definition.write(), "")) for definition in (old, new))
    for path in (*before, *(path for path in after if path not in before)):
        if path == "Restarted" and asked(after.get(path, "")) not in ("", before.get(path)):
            yield "restarted"
        elif path not in after:
            yield f"{path} removed"
        elif path not in before:
            yield f"{path} set{_to(after[path])}"
        elif before[path] != after[path]:
            yield (
                f"{path} {_value(before[path])} -> {_value(after[path])}"
                if _both(before, after, path)
                else f"{path} changed"
            )


def _flat(value: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        inner = "" if path == "" and key == "Container" else f"{path}{key}."
        if isinstance(item, dict) and item:
            yield from _flat(item, inner)
        else:
            yield f"{path}{key}", item


def _both(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> bool:
    return all(_is_short(side[path]) for side in (before, after))


def _is_short(value: object) -> bool:
    return isinstance(value, str | int | float) and len(str(value)) <= _WIDEST


def _to(value: object) -> str:
    return f" to {_value(value)}" if _is_short(value) else ""


def _value(value: object) -> str:
    if isinstance(value, str):
        return value if value and value.isprintable() and " " not in value else shorten(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _in_short(changed: list[str]) -> str:
    more = [f"{len(changed) - _MOST_NAMED} more"] if len(changed) > _MOST_NAMED else []
    return ", ".join(changed[:_MOST_NAMED] + more)
