"""The journal: events in etcd, in order, for a limited time, and never in the way."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reporting.journal import AGAIN, BROKEN_REST, MOST_WAITING, Journal
from daprdockr.model.known.changes import Changes
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.events import LIFE, Event
from daprdockr.model.stored.revisioned import Broken
from daprdockr.runtime.pool import Run
from tests.build.values import KEYS
from tests.fakes.run import HeldRun, LoopClock, run_at_once
from tests.fakes.store import MemoryStore

NOON = 1_000_000.0


class JournalCase(SynchronousTestCase):
    """A journal over etcd in memory; ``wall`` is the wall clock."""

    def setUp(self) -> None:
        self.clock = LoopClock()
        self.store = MemoryStore()
        self.wall = NOON

    def make(self, run: Run = run_at_once, node: str = "a") -> Journal:
        return Journal(reactor=self.clock, run=run, store=self.store, keys=KEYS, node=node, wall=lambda: self.wall)

    def started(self, node: str = "a") -> Journal:
        journal = self.make(node=node)
        journal.startService()
        return journal

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self.store.list(KEYS.events).entries

    @property
    def texts(self) -> list[str]:
        """The texts of the events in etcd, in the order of the keys."""
        return [Event.decode(entry.value).text for entry in self.entries]


class WritingTests(JournalCase):
    """The events that are written."""

    def test_event(self) -> None:
        """An event says when, where, of what, and what; it is logged too."""
        with capturedLogs() as logged:
            self.started().record("1.web.myapp", "cannot start")
        self.assertEqual(
            [Event.decode(e.value) for e in self.entries], [Event(NOON, "a", "1.web.myapp", "cannot start")]
        )
        self.assertEqual([(e["subject"], e["text"]) for e in logged], [("1.web.myapp", "cannot start")])

    def test_order(self) -> None:
        """Keys sort as the events came, also within one moment and when the wall clock is set back."""
        journal = self.started()
        for text, wall in (("one", NOON), ("two", NOON), ("three", NOON - 3600), ("four", NOON + 1)):
            self.wall = wall
            journal.record("web.myapp", text)
        self.assertEqual(self.texts, ["one", "two", "three", "four"])

    def test_nodes(self) -> None:
        """Events of two nodes in one moment are two events."""
        self.started("a").record("web.myapp", "here")
        self.started("b").record("web.myapp", "there")
        self.assertEqual(sorted(self.texts), ["here", "there"])

    def test_broken(self) -> None:
        """A value in etcd that cannot be read is reported, by its key."""
        self.started().on_changes(Changes(broken=(Broken("/daprdockr/services/myapp/web", "not JSON", 3),)))
        self.assertEqual(self.texts, ["cannot be read: not JSON"])

    def test_broken_without_end(self) -> None:
        """Of a key that somebody writes without a pause one event is written in a while; others have theirs."""
        journal = self.started()
        for second in range(100):
            journal.on_changes(Changes(broken=(Broken("one", f"not JSON at {second}", second),)))
            self.clock.advance(BROKEN_REST / 20)
        journal.on_changes(Changes(broken=(Broken("two", "not JSON", 3),)))
        self.assertCountEqual(
            self.texts,
            [f"cannot be read: not JSON{at}" for at in (" at 0", *(f" at {n}" for n in (20, 40, 60, 80)), "")],
        )

    def test_many_broken(self) -> None:
        """Of very many unreadable values at once some are named, and the others counted; of long keys the beginning."""
        journal = self.started()
        long = [Broken(f"{KEYS.services}{number:04}{'x' * 100_000}", "no JSON", number) for number in range(1, 26)]
        with capturedLogs() as logged:
            journal.on_changes(Changes(broken=tuple(long)))
        self.assertIn("5 more values in etcd cannot be read: see status", self.texts)
        self.assertEqual(len(self.texts), 21)
        self.assertLess(max(len(formatEvent(event)) for event in logged), 500)

    def test_control_characters(self) -> None:
        """Keys and reasons that others chose reach neither the log nor etcd with control characters in them."""
        key = "/daprdockr/services/myapp/\x1b]0;owned\x07\udcff"
        with capturedLogs() as logged:
            self.started().on_changes(Changes(broken=(Broken(key, "no \x1b[31mJSON\n", 3),)))
        for event in [*(formatEvent(event) for event in logged), *self.texts]:
            self.assertTrue(event.isprintable(), event)
        self.assertIn("owned", formatEvent(logged[0]))

    def test_before_the_start(self) -> None:
        """An event from before the journal runs is written when it does."""
        journal = self.make()
        journal.record("web.myapp", "early")
        self.assertEqual(self.texts, [])
        journal.startService()
        self.assertEqual(self.texts, ["early"])

    def test_one_at_a_time(self) -> None:
        """However many events wait, one call to etcd is in flight."""
        run = HeldRun()
        journal = self.make(run)
        journal.startService()
        journal.record("web.myapp", "one")
        journal.record("web.myapp", "two")
        for _ in range(2):
            self.assertEqual(run.names, ["_write_one"])
            run.end("_write_one")
        self.assertEqual((run.names, self.texts), ([], ["one", "two"]))

    def test_bounded(self) -> None:
        """While etcd does not answer the latest events wait, no more than the limit."""
        run = HeldRun()
        journal = self.make(run)
        journal.startService()
        for number in range(3 * MOST_WAITING):
            journal.record("web.myapp", str(number))
        while run.names:
            run.end(run.names[0])
        kept = [str(number) for number in range(2 * MOST_WAITING, 3 * MOST_WAITING)]
        self.assertEqual(self.texts, ["0", *kept])


class KeyTests(JournalCase):
    """Events at a key that all agents know."""

    def test_first(self) -> None:
        """Of all who record it, one writes it; its time is when it happened."""
        for node in ("a", "b"):
            self.started(node).record_first(KEYS.gone("c", 7), "c", f"told by {node}", 5.0)
        event = Event(NOON - 5, "a", "c", "told by a")
        self.assertEqual([Event.decode(entry.value) for entry in self.entries], [event])
        told = Deferred.fromCoroutine(self.make().told(KEYS.gone("c", 7)))
        self.assertEqual(self.successResultOf(told), {KEYS.gone("c", 7)})

    def test_latest(self) -> None:
        """One that replaces the former."""
        for text in ("one", "two"):
            self.started().record_last(KEYS.stopped("c", 7), "c", text)
        self.assertEqual(self.texts, ["two"])

    def test_once(self) -> None:
        """Of all agents that see an unreadable value one reports it; the next value of the key is another event."""
        for revision in (3, 3, 4):
            for node in ("a", "b"):
                self.started(node).on_changes(Changes(broken=(Broken("one", f"at {revision}", revision),)))
        self.assertCountEqual(self.texts, ["cannot be read: at 3", "cannot be read: at 4"])


class LeaseTests(JournalCase):
    """Note [Short-lived]."""

    def test_shared(self) -> None:
        """Events hang on one lease, which is never renewed."""
        journal = self.started()
        journal.record("web.myapp", "one")
        self.clock.advance(LIFE / 2 - 1)
        journal.record("web.myapp", "two")
        self.assertEqual(len({entry.lease for entry in self.entries}), 1)
        self.assertEqual(self.store.calls.count("grant"), 1)
        self.store.advance(LIFE)
        self.assertEqual(self.entries, ())

    def test_next(self) -> None:
        """An event that comes when half the life of the lease is over, hangs on a new one."""
        journal = self.started()
        journal.record("web.myapp", "one")
        self.clock.advance(LIFE / 2)
        self.store.advance(LIFE / 2)
        journal.record("web.myapp", "two")
        self.assertEqual(len({entry.lease for entry in self.entries}), 2)
        self.store.advance(LIFE / 2)
        self.assertEqual(self.texts, ["two"])


class FailureTests(JournalCase):
    """etcd is away, and worse."""

    def test_lease_lost(self) -> None:
        """When the lease is gone, the event that finds out is only in the log, and the next one takes a new lease."""
        journal = self.started()
        journal.record("web.myapp", "one")
        self.store.revoke(self.entries[0].lease)
        journal.record("web.myapp", "two")
        journal.record("web.myapp", "three")
        self.assertEqual(self.texts, ["three"])

    def test_etcd_away(self) -> None:
        """An event that could not be written is only in the log; the next one is tried."""
        journal = self.started()
        self.store.unavailable = True
        journal.record("web.myapp", "one")
        self.store.unavailable = False
        journal.record("web.myapp", "two")
        self.assertEqual(self.texts, ["two"])

    def test_behind_one_that_failed(self) -> None:
        """Events that wait behind one that could not be written need no later event: they are written soon."""
        run = HeldRun()
        journal = self.make(run)
        journal.startService()
        for text in ("one", "two", "three"):
            journal.record("web.myapp", text)
        self.store.unavailable = True
        run.end("_write_one")
        self.store.unavailable = False
        self.assertEqual((self.texts, run.names), ([], []))
        self.clock.advance(AGAIN)
        for _ in range(2):
            run.end("_write_one")
        self.assertEqual((self.texts, self.clock.getDelayedCalls()), (["two", "three"], []))

    def test_fault(self) -> None:
        """An exception nobody foresaw is logged, and the next event is tried."""
        journal = self.started()
        self.wall = float("inf")
        journal.record("web.myapp", "one")
        self.assertEqual(len(self.flushLoggedErrors(OverflowError)), 1)
        self.wall = NOON
        journal.record("web.myapp", "two")
        self.assertEqual(self.texts, ["two"])

    def test_stop(self) -> None:
        """A stop waits for the call in flight, which writes its event, and leaves the rest unwritten."""
        run = HeldRun()
        journal = self.make(run)
        journal.startService()
        journal.record("web.myapp", "one")
        journal.record("web.myapp", "two")
        stopped = journal.stopService()
        assert stopped is not None
        self.assertNoResult(stopped)
        run.end("_write_one")
        self.successResultOf(stopped)
        self.assertEqual((run.names, self.texts), ([], ["one"]))

    def test_last(self) -> None:
        """The event that an agent is stopped goes before all that wait, because the journal soon stops, too."""
        run = HeldRun()
        journal = self.make(run)
        journal.startService()
        for number in range(2 * MOST_WAITING):
            journal.record("web.myapp", str(number))
        journal.record_last(KEYS.stopped("a", 7), "a", "stopped")
        run.end("_write_one")
        stopped = journal.stopService()
        assert stopped is not None
        run.end("_write_one")
        self.successResultOf(stopped)
        self.assertEqual((run.names, self.texts), ([], ["0", "stopped"]))
