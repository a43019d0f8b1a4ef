"""``events``: what the agents reported, as a table and as JSON."""

from __future__ import annotations

from daprdockr.model.stored.events import Event
from tests.build.command_line import ShowCase
from tests.build.values import KEYS
from tests.fakes.command_line import command_line


class EventsTests(ShowCase):
    """Events."""

    def test_table(self) -> None:
        """Events are listed by time, whatever node they are from; one that cannot be read is left out."""
        late = Event(1_700_000_060, "n1", "1.web.myapp", "exit code 1")
        early = Event(1_700_000_000, "n2", "web.myapp", "image ä is missing")
        for number, (node, value) in enumerate([("n1", late.encode()), ("n2", early.encode()), ("n3", b"x")]):
            self.store.put(KEYS.event(node, number), value, self.store.lease)
        self.assertEqual(
            self.cells("events"),
            [
                ["TIME", "WHO", "SUBJECT", "EVENT"],
                ["2023-11-14 22:13:20Z", "n2", "web.myapp", "image ä is missing"],
                ["2023-11-14 22:14:20Z", "n1", "1.web.myapp", "exit code 1"],
            ],
        )
        self.assertEqual([item["Node"] for item in command_line(self.store, "events", "-o", "json").json], ["n2", "n1"])

    def test_person(self) -> None:
        """An event that a person caused stands beside that person, not beside the machine."""
        event = Event(1_700_000_000, "desk", "web.myapp", "paused by anna@desk", by="anna@desk")
        self.store.put(KEYS.event("desk", 1), event.encode(), self.store.lease)
        self.assertEqual(self.cells("events")[1][1:3], ["anna@desk", "web.myapp"])
        (listed,) = command_line(self.store, "events", "-o", "json").json
        self.assertEqual((listed["By"], listed["Node"]), ("anna@desk", "desk"))

    def test_lines(self) -> None:
        """Below the table stand the last lines of a container that ended: those of the latest event, without tricks."""
        for time, lines in ((1, ("old",)), (2, ("begin", "no \x1b[2Jdatabase"))):
            event = Event(time, "n1", "1.web.myapp", "its container ended", lines)
            self.store.put(KEYS.event("n1", time), event.encode(), self.store.lease)
        said = command_line(self.store, "events")
        self.assertEqual(
            said.stdout.splitlines()[3:], ["the last lines of 1.web.myapp on n1:", "  begin", "  no [2Jdatabase"]
        )
        listed = command_line(self.store, "events", "-o", "json").json
        self.assertEqual([item["Lines"] for item in listed], [["old"], ["begin", "no \x1b[2Jdatabase"]])

    def test_absurd_time(self) -> None:
        """A time beyond the calendar is not shown."""
        self.store.put(KEYS.event("n1", 1), Event(1e12, "n1", "x", "y").encode(), self.store.lease)
        self.assertEqual(self.cells("events")[1], ["-", "n1", "x", "y"])
