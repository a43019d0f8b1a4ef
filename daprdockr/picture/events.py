# -*- test-case-name: tests.unit.picture.test_tables -*-
"""Events: the recent reports of the agents, and the decisions of people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.names import InstanceName, ServiceName, check_label, one_line
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.keys import CordonKey, Keys, NodeKey, PauseKey, RolloutKey, RunKey
from daprdockr.picture.cells import moment
from daprdockr.picture.table import Column, Row, Table
from daprdockr.planning.pruning import as_listed

COLUMNS: tuple[Column, ...] = (
    ("TIME", lambda row: moment(row["Time"])),
    ("WHO", lambda row: row.get("By") or row["Node"]),
    ("SUBJECT", lambda row: row["Subject"]),
    ("EVENT", lambda row: row["Text"]),
)


@frozen
class EventsAsked:
    """
    Which events are meant: from ``since`` on, by seconds since the epoch; and, unless ``name`` is "", those about a
    service and its instances, about one instance, by or about a node, or about an image, whose name has a ``:`` or a
    ``/``.
    """

    keys: Keys
    name: str = ""
    since: float = 0.0

    def check(self) -> None:
        """:raises BadInput: the name can be none of a service, an instance, a node or an image."""
        if self._is_image:
            return
        if self.name.count(".") == 2:
            InstanceName.parse(self.name)
        elif "." in self.name:
            ServiceName.parse(self.name)
        elif self.name:
            check_label(self.name, "node")

    def take(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows of events that are meant."""
        return [row for row in rows if row["Time"] >= self.since and self._concerns(row)]

    def _concerns(self, row: Row) -> bool:
        if not self.name:
            return True
        if self._is_image:
            return as_listed(row["Subject"]) == as_listed(self.name)
        subject = self._subject(row["Subject"])
        if "." not in self.name:
            return self.name in (row["Node"], subject)
        own = self.name.count(".") == 1 and subject.partition(".")[2] == self.name
        return subject == self.name or own

    @property
    def _is_image(self) -> bool:
        return any(mark in self.name for mark in ":/")

    def _subject(self, subject: str) -> str:
        """Return what the subject is called, also if it is a key in etcd, whose value cannot be read."""
        if subject.startswith(self.keys.root):
            with suppress(BadInput):
                match self.keys.read(subject):
                    case InstanceName() | ServiceName() as name:
                        return str(name)
                    case NodeKey(node) | CordonKey(node):
                        return node
                    case PauseKey(service) | RolloutKey(service) | RunKey(service, _):
                        return str(service)
        return subject


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
