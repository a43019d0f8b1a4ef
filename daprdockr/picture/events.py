# -*- test-case-name: tests.unit.picture.test_tables -*-
"""
Events: the recent reports of the agents, and the decisions of people.

Note [Changes are events]
    The revisions of definitions say who changed what, so they are shown among the events, and nothing else is written
    for that. They are kept longer, and each is as long as a definition: so only those of an hour are shown, as long as
    an event lives, unless older ones are asked for, and of no more than ``MOST_SERVICES``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.images import as_listed
from daprdockr.model.names import InstanceName, ServiceName, check_label, one_line
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.events import LIFE, Event
from daprdockr.model.stored.history import Revisions
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.mirrored_keys import CordonKey, NodeKey, PauseKey, RolloutKey, RunKey
from daprdockr.picture.cells import moment
from daprdockr.picture.table import Column, Row, Table
from daprdockr.picture.timeline import stored

MOST_SERVICES = 100
"""Services whose changes are read, those of which the definition was stored last: etcd limits a transaction to 128."""

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

    @property
    def service(self) -> ServiceName | None:
        """The service whose events are meant; None where others are meant too."""
        is_one = not self._is_image and self.name.count(".") == 1
        return ServiceName.parse(self.name) if is_one else None

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


def places(keys: Keys, revisions: Mapping[ServiceName, int], only: ServiceName | None = None) -> tuple[str, ...]:
    """
    Return the prefixes that have the events and the changes of definitions: Note [Changes are events].

    :param revisions: the services, each with the mod revision of its definition; not needed for the ``only`` one.
    """
    latest = sorted(revisions, key=lambda name: -revisions[name])[:MOST_SERVICES]
    return keys.events, *map(keys.history, latest if only is None else (only,))


def stored_revisions(keys: Keys, entries: Iterable[Entry]) -> dict[ServiceName, int]:
    """Return the services in a list of their definitions, each with the mod revision."""
    found = {}
    for entry in entries:
        with suppress(BadInput):
            name = keys.read(entry.key)
            if isinstance(name, ServiceName):
                found[name] = entry.mod_revision
    return found


def event_table(keys: Keys, entries: Iterable[Entry], since: float) -> Table:
    """Return the events, and the changes of definitions that are not older than a time, oldest first."""
    return Table([event.write() for event in sorted(happened(keys, entries, since).values())], COLUMNS)


def happened(keys: Keys, entries: Iterable[Entry], since: float) -> dict[str, Event]:
    """Return the events, and the changes of definitions that are not older than a time, by key."""
    histories = defaultdict[str, list[Entry]](list)
    found: dict[str, Event] = {}
    for entry in entries:
        if entry.key.startswith(keys.events):
            found.update((entry.key, event) for event in _events([entry]))
        elif entry.key.startswith(keys.histories):
            histories[entry.key.rpartition("/")[0]].append(entry)
    for place, of_one in histories.items():
        found.update((key, event) for key, event in _changes(keys, place, of_one) if event.time >= since)
    return found


def _changes(keys: Keys, place: str, entries: Iterable[Entry]) -> Iterator[tuple[str, Event]]:
    with suppress(BadInput):
        group, _, service = place.removeprefix(keys.histories).partition("/")
        name = ServiceName(group=group, service=service)
        for number, event in stored(Revisions.read(keys, name, entries)):
            yield keys.revision(name, number), event


def begins(since: float, now: float) -> float:
    """Return the time from which on changes are shown. :param since: the time that is asked for, 0 for none."""
    return since or now - LIFE


def read_events(entries: Iterable[Entry]) -> list[Event]:
    """
    Return the events in etcd, oldest first.

    A value that cannot be read as an event, or has no lease that will end it, is left out: events are for people, and
    nothing depends on them.
    """
    return sorted(_events(entries))


def latest_lines(table: Table) -> Iterator[str]:
    """
    Yield what a container of each subject logged last, behind a line that says whose it is, also if an event without
    lines came since, such as a command that somebody ran.
    """
    latest = {(row["Node"], row["Subject"]): row for row in table.rows if row.get("Lines")}
    for (node, subject), row in sorted(latest.items()):
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
