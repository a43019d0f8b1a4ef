# -*- test-case-name: tests.unit.picture.test_tables -*-
"""Events: the recent reports of the agents, and the decisions of people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from daprdockr.model.errors import BadInput
from daprdockr.model.names import one_line
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.events import Event
from daprdockr.picture.cells import moment
from daprdockr.picture.table import Column, Table

COLUMNS: tuple[Column, ...] = (
    ("TIME", lambda row: moment(row["Time"])),
    ("WHO", lambda row: row.get("By") or row["Node"]),
    ("SUBJECT", lambda row: row["Subject"]),
    ("EVENT", lambda row: row["Text"]),
)


def event_table(entries: Iterable[Entry]) -> Table:
    """Return the events in etcd, oldest first, as ``read_events`` does."""
    return Table([event.write() for event in read_events(entries)], COLUMNS)


def read_events(entries: Iterable[Entry]) -> list[Event]:
    """
    Return the events in etcd, oldest first.

    A value that cannot be read as an event, or has no lease that will end it, is left out: events are for people, and
    nothing depends on them.
    """
    return sorted(_events(entries))


def latest_lines(table: Table) -> Iterator[str]:
    """Yield what the latest event of each subject says that a container logged, behind a line that says whose it is."""
    latest = {(row["Node"], row["Subject"]): row for row in table.rows}
    for (node, subject), row in sorted(latest.items()):
        if row.get("Lines"):
            yield f"the last lines of {one_line(subject)} on {one_line(node)}:"
            yield from (f"  {one_line(line)}" for line in row["Lines"])


def _events(entries: Iterable[Entry]) -> Iterator[Event]:
    for entry in entries:
        if not entry.lease:
            continue
        try:
            yield Event.decode(entry.value)
        except BadInput:
            continue
