"""``events``: what the agents reported, as a table and as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.event_stream import PATIENCE, PAUSE, EventStream
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.entries import Batch, Delete, Listing, Prefixes
from daprdockr.model.stored.events import LIFE, Event
from daprdockr.model.stored.history import RevisionRecord
from daprdockr.model.wanted.definition import Definition
from tests.build.command_line import WEB, ShowCase
from tests.build.values import KEYS, named
from tests.fakes.command_line import EventfulStore, Outcome, command_line
from tests.fakes.store import MemoryWatch


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
        for at, lines in ((1, ("old",)), (2, ("begin", "no \x1b[2Jdatabase"))):
            event = Event(at, "n1", "1.web.myapp", "its container ended", lines)
            self.store.put(KEYS.event("n1", at), event.encode(), self.store.lease)
        ran = Event(1_700_000_009, "n1", "1.web.myapp", "anna@desk runs ls from 192.0.2.1")
        self.store.put(KEYS.event("n1", 9), ran.encode(), self.store.lease)
        said = command_line(self.store, "events")
        self.assertEqual(
            said.stdout.splitlines()[4:], ["the last lines of 1.web.myapp on n1:", "  begin", "  no [2Jdatabase"]
        )
        listed = command_line(self.store, "events", "-o", "json").json
        self.assertEqual(
            [item["Lines"] for item in listed if "Lines" in item], [["old"], ["begin", "no \x1b[2Jdatabase"]]
        )

    def test_absurd_time(self) -> None:
        """A time beyond the calendar is not shown."""
        self.store.put(KEYS.event("n1", 1), Event(1e12, "n1", "x", "y").encode(), self.store.lease)
        self.assertEqual(self.cells("events")[1], ["-", "n1", "x", "y"])

    def test_of_one(self) -> None:
        """
        With a name there are those of a service with its instances, of an instance, of and by a node, or of an image,
        as Docker reads its name.
        """
        subjects = [
            "web.myapp",
            "1.web.myapp",
            "2.web.myapp",
            "db.myapp",
            "n1",
            KEYS.service(WEB.name),
            KEYS.node("n1"),
        ]
        subjects += [
            KEYS.pause(WEB.name),
            KEYS.claim(InstanceName(WEB.name, 1)),
            KEYS.services + "x",
            KEYS.secret("n1"),
            "shop/web:2",
            "web",
        ]
        for number, subject in enumerate(subjects):
            event = Event(1_700_000_000 + number, "n2", subject, "y")
            self.store.put(KEYS.event("n2", number), event.encode(), self.store.lease)
        for name, numbers in (
            ("web.myapp", [0, 1, 2, 5, 7, 8]),
            ("1.web.myapp", [1, 8]),
            ("db.myapp", [3]),
            ("n1", [4, 6]),
            ("n2", range(13)),
            ("docker.io/shop/web:2", [11]),
            ("web:latest", [12]),
            ("shop/web", []),
            ("no.such", []),
        ):
            rows = command_line(self.store, "events", name, "-o", "json").json
            self.assertEqual([row["Subject"] for row in rows], [subjects[number] for number in numbers], name)

    def test_of_none(self) -> None:
        """An empty list about a name says so, in case the name is a mistake."""
        for words in (("events", "wep.myapp"), ("events", "wep.myapp", "-o", "json")):
            done = command_line(self.store, *words)
            self.assertEqual((done.status, done.stderr), (0, "daprdockrcmd: there is no event about 'wep.myapp'\n"))
        self.assertEqual(command_line(self.store, "events").stderr, "")

    def test_since(self) -> None:
        """With a time the older ones are left out, with those lines that their containers logged."""
        for at in (1_700_000_000, 1_700_000_060):
            event = Event(at, "n1", "1.web.myapp", "its container ended", (f"at {at}",))
            self.store.put(KEYS.event("n1", at), event.encode(), self.store.lease)
        said = command_line(self.store, "events", "-since", "2023-11-14T22:14:00Z").stdout
        self.assertEqual((said.count("22:14:20Z"), said.count("22:13:20Z"), said.count("  at 17")), (1, 0, 1))
        self.assertEqual(command_line(self.store, "events", "-since=10m", "-o=json").json, [])

    def test_changes(self) -> None:
        """Changes of definitions, and their authors, stand among them as on the page; of an hour, or since a time."""
        now = time.time()
        changed = (WEB, now - LIFE - 60, "anna@desk"), (named("web", 4), now - 60, "scale by ben@laptop")
        for number, (wanted, at, by) in enumerate(changed, 1):
            self.store.put(KEYS.revision(WEB.name, number), RevisionRecord(wanted, at, by).encode())
        self.store.put(KEYS.service(WEB.name), named("web", 4).encode())
        (listed,) = command_line(self.store, "events", "-o", "json").json
        members = {"By": "scale by ben@laptop", "Node": "laptop", "Subject": "web.myapp"}
        self.assertLessEqual(members.items(), listed.items())
        text = "Instances 3 -> 4, Http.HostName removed, Http.ContainerPort removed (revision 2)"
        self.assertEqual(listed["Text"], text)
        self.assertEqual([row[1] for row in self.cells("events")[1:]], ["scale by ben@laptop"])
        for words, shown in (
            (["-since", "2h"], 2),
            (["-since", "2h", "web.myapp"], 2),
            (["laptop"], 1),
            (["1.web.myapp"], 0),
            (["db.myapp"], 0),
        ):
            self.assertEqual(len(command_line(self.store, "events", *words, "-o=json").json), shown, words)

    def test_change_hides_no_lines(self) -> None:
        """The lines of a container stay though somebody changes something of the same name afterwards."""
        for at, lines, by in ((1, ("last words",), ""), (2, (), "anna@n1")):
            event = Event(at, "n1", "web.myapp", "text", lines, by)
            self.store.put(KEYS.event("n1", at), event.encode(), self.store.lease)
        self.assertIn("  last words", command_line(self.store, "events").stdout.splitlines())

    def test_wrong(self) -> None:
        """A name that nothing can have, a time that is none, and a second name are refused."""
        for words, said in (
            (["A"], "node name 'A' is not usable"),
            (["x.Y"], "group name 'Y' is not usable"),
            (["0.a.b"], "instance '0.a.b' is not usable"),
            (["-since", "soon"], "-since: 'soon' is not usable"),
            (["a", "b"], "'b' has no use with events: leave it out"),
        ):
            done = command_line(self.store, "events", *words)
            self.assertEqual(done.status, 2)
            self.assertIn(said, done.stderr)


BEGAN = 1_700_000_000.0


def _event(number: int, subject: str = "web.myapp") -> Event:
    return Event(1_700_000_000 + number, "n1", subject, f"text {number}")


class SilentStore(EventfulStore):
    """A store that does not answer so many lists."""

    silent = 0

    def list(self, prefixes: Prefixes, revision: int = 0) -> Listing:
        if self.silent:
            self.silent -= 1
            raise EtcdUnavailable("etcd did not answer")
        return super().list(prefixes, revision)


class StreamTests(SynchronousTestCase):
    """The stream, in time that passes only while it pauses."""

    def setUp(self) -> None:
        self.store = SilentStore()
        self.now = 0.0
        self.said: list[str] = []
        self.at_return: list[int] = []
        self.emit(1)
        places = KEYS.events, KEYS.histories
        self.stream = EventStream(
            self.store, KEYS, lambda: self.now, self.pause, self.said.append, lambda: places, since=BEGAN
        )
        self.found = iter(self.stream)
        self.assertEqual(self.next(), ["text 1"])

    def store_revision(self, number: int, time: float = BEGAN, *, wanted: Definition | None = None) -> None:
        record = RevisionRecord(wanted or named("web", number), time, "scale by anna@desk")
        self.store.put(KEYS.revision(WEB.name, number), record.encode())

    def emit(self, number: int) -> None:
        self.store.put(KEYS.event("n1", number), _event(number).encode(), self.store.lease)

    def pause(self, seconds: float) -> None:
        self.now += seconds
        if self.now > PATIENCE * 3:
            self.store.unavailable = False
            while self.at_return:
                self.emit(self.at_return.pop())

    def next(self) -> list[str]:
        return [event.text for event in next(self.found)]

    def test_each_once(self) -> None:
        """Those that come are found, each once, also when one is written again or is no event."""
        self.emit(2)
        self.assertEqual(self.next(), ["text 2"])
        self.emit(2)
        self.store.commit([], [Delete(KEYS.event("n1", 1))])
        self.store.put(KEYS.event("n1", 3), b"x", self.store.lease)
        self.emit(4)
        self.assertEqual(self.next(), ["text 4"])

    def test_changes(self) -> None:
        """A revision that comes says what it changed; written again it is none, nor is one that is deleted."""
        self.store_revision(1)
        self.assertEqual(self.next(), ["created with 1 instance (revision 1)"])
        self.store_revision(2)
        self.assertEqual(self.next(), ["Instances 1 -> 2 (revision 2)"])
        self.store_revision(2)
        self.store.commit([], [Delete(KEYS.revision(WEB.name, 1))])
        self.store_revision(3)
        self.assertEqual(self.next(), ["Instances 2 -> 3 (revision 3)"])

    def test_changes_after_compaction(self) -> None:
        """Nor is it shown twice, or an older one at all, when all is listed again."""
        self.store_revision(1, BEGAN - 1)
        self.store_revision(2)

        def lose() -> None:
            self.store_revision(3)
            self.store.compact(self.store.revision + 1)

        self.store.coming = [lose]
        self.assertEqual(self.next(), ["Instances 1 -> 2 (revision 2)", "Instances 2 -> 3 (revision 3)"])
        self.store_revision(4)
        self.assertEqual(self.next(), ["Instances 3 -> 4 (revision 4)"])

    def test_changes_while_away(self) -> None:
        """An etcd that ends while a history is read loses no change."""
        self.store_revision(1)
        self.store_revision(2)
        self.assertEqual((self.next(), self.next())[1], ["Instances 1 -> 2 (revision 2)"])
        self.store_revision(3)
        self.store.silent = 1
        self.assertEqual(self.next(), ["Instances 2 -> 3 (revision 3)"])

    def test_outage(self) -> None:
        """After an outage it goes on behind what it had found, though some ended meanwhile, and says so once."""
        self.emit(2)
        self.next()
        for number in (3, 4):
            self.emit(number)
        self.store.commit([], [Delete(KEYS.event("n1", 3))])
        self.store.unavailable = True
        self.assertEqual((self.next(), self.next()), (["text 3"], ["text 4"]))
        self.assertEqual(len(self.said), 1)
        self.assertIn("etcd did not answer", self.said[0])
        self.now, self.store.unavailable, self.at_return = 0.0, True, [5]
        self.assertEqual((self.next(), len(self.said)), (["text 5"], 2))

    def test_election(self) -> None:
        """A watch that breaks, and is opened again soon, is not worth a line."""

        def die() -> None:
            self.emit(2)
            raise EtcdUnavailable("etcd ended the watch")

        self.store.coming = [die, die]
        self.assertEqual((self.next(), self.said, self.now), (["text 2"], [], PAUSE * 2))

    def test_history_lost(self) -> None:
        """Where etcd has no history since then, what is new in a list is found."""
        self.emit(2)
        self.store.compact(self.store.revision + 1)
        self.assertEqual(self.next(), ["text 2"])
        self.emit(3)
        self.assertEqual(self.next(), ["text 3"])

    def test_away_while_listing(self) -> None:
        """An outage in which etcd also loses its history is borne likewise."""

        def lose() -> None:
            self.emit(2)
            self.store.compact(self.store.revision + 1)
            self.store.unavailable = True

        self.store.coming = [lose]
        self.assertEqual(self.next(), ["text 2"])

    def test_another_etcd(self) -> None:
        """An etcd that was emptied, or put back to an earlier backup, is listed."""
        early = self.store.snapshot()
        for number in (2, 2, 5):
            self.emit(number)
        self.assertEqual((self.next(), self.next()), (["text 2"], ["text 5"]))
        self.store.restore(early)
        self.emit(3)
        self.assertEqual(self.next(), ["text 3"])
        self.store.wipe()
        self.store.lease = self.store.grant(1000).id
        for number in range(4, 30):
            self.emit(number)
        self.assertEqual(len(self.next()), 26)

    def test_closed(self) -> None:
        """It ends when it is closed, at any time."""
        self.store.coming = [self.stream.close]
        self.assertRaises(StopIteration, next, self.found)
        self.assertRaises(StopIteration, next, self.found)

    def test_closed_while_away(self) -> None:
        """It ends also while etcd is away."""

        def close() -> None:
            self.stream.close()
            raise EtcdUnavailable("etcd ended the watch")

        self.store.coming = [close]
        self.assertRaises(StopIteration, next, self.found)


@frozen
class InterruptedWatch:
    """A watch during which a person presses Ctrl-C, as soon as it has no more changes."""

    store: EventfulStore
    prefixes: Prefixes
    watch: MemoryWatch

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.watch:
            yield batch
            if self.store.since(self.prefixes, batch.revision + 1) is None:
                raise KeyboardInterrupt

    def close(self) -> None:
        self.watch.close()


class InterruptedStore(EventfulStore):
    def watch(self, prefixes: Prefixes, revision: int) -> InterruptedWatch:  # type: ignore[override]
        return InterruptedWatch(self, prefixes, super().watch(prefixes, revision))


class FollowTests(SynchronousTestCase):
    """``events -f`` until Ctrl-C."""

    def follow(self, *words: str) -> Outcome:
        store = InterruptedStore()

        def emit(*events: Event) -> None:
            for event in events:
                store.put(KEYS.event("n1", event.number), event.encode(), store.lease)

        emit(_event(1), _event(2, "db.myapp"))
        store.coming = [lambda: emit(_event(3, "1.web.myapp"), _event(4, "db.myapp"))]
        done = command_line(store, "events", "-f", *words)
        self.assertEqual((done.status, done.stderr, store.lent), (130, "", 0))
        return done

    def test_table(self) -> None:
        """The lines that come stand in the columns of those that were there."""
        self.assertEqual(self.follow("web.myapp").stdout.splitlines(), [
            "TIME                   WHO          SUBJECT            EVENT",
            "2023-11-14 22:13:21Z   n1           web.myapp          text 1",
            "2023-11-14 22:13:23Z   n1           1.web.myapp        text 3",
        ])  # fmt: skip

    def test_json(self) -> None:
        """In JSON each event is an object in a line of its own."""
        lines = self.follow("-o", "json").stdout.splitlines()
        self.assertEqual([json.loads(line)["Text"] for line in lines], [f"text {number}" for number in range(1, 5)])
        since = self.follow("-o", "json", "-since", "2023-11-14T22:13:24Z").stdout.splitlines()
        self.assertEqual(since, lines[3:])
