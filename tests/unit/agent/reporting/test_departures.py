"""Nodes that go and come back, as the events have it, with whole agents over etcd in memory."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reporting.departures import AGAIN, MOST_AT_ONCE, SPREAD
from daprdockr.agent.reporting.journal import Journal
from daprdockr.agent.reporting.own_course import BACK, LATER, RESTARTED, STARTED, STOPPED, UNSTOPPED, OwnCourse
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.node import NodeRecord
from tests.build.stored import events_in
from tests.build.values import KEYS, definition
from tests.fakes.agents import MemoryAgent, MemoryCluster
from tests.fakes.run import LoopClock, run_at_once
from tests.fakes.store import MemoryStore

TTL = 6.0
REPORTED = TTL + SPREAD + LATER + 1
"""Seconds after which all that happened to a node is reported."""


class DeparturesCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.store = self.cluster.store

    def nodes(self, names: Iterable[str]) -> list[MemoryAgent]:
        found = [self.cluster.add(name) for name in names]
        self.cluster.advance(TTL)
        return found

    @property
    def reported(self) -> list[str]:
        """The subject and the text of each event, in the order of their times."""
        events = sorted(events_in(self.store))
        return [f"{event.subject} {event.text}" for event in events]

    def goes_on(self, seconds: float = REPORTED) -> list[str]:
        """Let time pass; return what is reported after that."""
        self.cluster.advance(seconds)
        return self.reported


class GoneTests(DeparturesCase):
    """Note [Written once], Note [Gone for certain]."""

    def test_gone(self) -> None:
        """However many nodes see one go, one event says so, and how many instances became free."""
        agents = self.nodes("abcd")
        self.cluster.define(definition(instances=8))
        self.cluster.advance(TTL)
        self.cluster.crash(agents[1])
        self.assertEqual(self.goes_on(), ["b is gone: its lease ended; 2 instances became free"])

    def test_time(self) -> None:
        """The event has the time at which the lease ended, not that at which it was written."""
        *_, last = self.nodes("abc")
        self.cluster.crash(last)
        self.cluster.advance(TTL)
        ended = self.cluster.agents[0].docker.now
        self.cluster.advance(REPORTED)
        (event,) = events_in(self.store)
        self.assertLess(abs(event.time - ended), TTL / 3)

    def test_again(self) -> None:
        """Each time that it goes is an event, and so is that it is started."""
        *_, last = self.nodes("abc")
        for _ in range(2):
            self.cluster.crash(last)
            self.cluster.advance(REPORTED)
            last = self.cluster.succeed(last)
            self.cluster.advance(REPORTED)
        gone = "c is gone: its lease ended; no instances became free"
        self.assertEqual(self.reported, [gone, f"c {STARTED}", gone, f"c {STARTED}"])

    def test_cordoned(self) -> None:
        """The event of a node that was cordoned says that."""
        *_, last = self.nodes("abc")
        self.store.put(KEYS.cordon("c"), b"")
        self.cluster.advance(1)
        self.cluster.crash(last)
        self.assertEqual(self.goes_on(), ["c is gone: its lease ended; it was cordoned, and no instances became free"])

    def test_left(self) -> None:
        """A node that has left in good order is not gone."""
        *_, last = self.nodes("abc")
        self.store.put(KEYS.cordon("c"), b"")
        self.cluster.advance(1)
        self.cluster.stop(last)
        self.store.commit([], [Delete(KEYS.node("c")), Delete(KEYS.cordon("c"))])
        self.assertEqual(self.goes_on(), [f"c {STOPPED}"])

    def test_record_written_anew(self) -> None:
        """A node whose record somebody deleted has its lease, and is not gone."""
        self.nodes("abc")
        self.store.commit([], [Delete(KEYS.node("c"))])
        self.assertEqual(self.goes_on(), [])

    def test_all_leases_ended(self) -> None:
        """If etcd ends the leases of all, nobody was gone."""
        agents = self.nodes("abc")
        for agent in agents:
            self.store.revoke(agent.parts.found.member.heartbeat.lease)
        self.assertEqual(self.goes_on(), [])

    def test_one_of_all(self) -> None:
        """A node that stays away when etcd ends the leases of most is gone."""
        agents = self.nodes("abcd")
        leases = [agent.parts.found.member.heartbeat.lease for agent in agents]
        self.cluster.crash(agents[2])
        for lease in leases[1:]:
            self.store.revoke(lease)
        self.assertEqual(self.goes_on(), ["c is gone: its lease ended; no instances became free"])

    def test_etcd_away(self) -> None:
        """An outage of etcd that outlasts the leases makes no node a lost one."""
        self.nodes("abc")
        self.store.unavailable = True
        self.cluster.advance(3 * TTL)
        self.store.unavailable = False
        self.assertEqual(self.goes_on(), [])

    def test_many(self) -> None:
        """Of very many that go together some are reported one by one, the last of them with the number of the rest."""
        self.nodes("a")
        lease = self.store.grant(3600).id
        for number in range(MOST_AT_ONCE + 5):
            self.store.put(KEYS.node(f"n{number:02}"), NodeRecord().encode(), lease)
        self.cluster.advance(1)
        self.store.revoke(lease)
        reported = self.goes_on()
        self.assertEqual(len(reported), MOST_AT_ONCE)
        self.assertTrue(reported[-1].endswith("; 5 more went with it"))

    def test_many_reported_before(self) -> None:
        """Those that another node has reported already conceal no other."""
        self.nodes("a")
        lease, events = self.store.grant(3600).id, self.store.grant(3600).id
        names = [f"n{number:02}" for number in range(MOST_AT_ONCE + 5)]
        for name in names:
            self.store.put(KEYS.node(name), NodeRecord().encode(), lease)
        self.cluster.advance(1)
        for entry in self.store.list(KEYS.node("n")).entries[10:MOST_AT_ONCE]:
            name = entry.key.removeprefix(KEYS.node(""))
            event = Event(1.0, "b", name, "is gone")
            self.store.put(KEYS.gone(name, entry.create_revision), event.encode(), events)
        self.store.revoke(lease)
        reported = self.goes_on()
        self.assertEqual(sorted(line.split()[0] for line in reported), names[:MOST_AT_ONCE])
        self.assertTrue(reported[-1].endswith("; 5 more went with it"))

    def test_etcd_away_then(self) -> None:
        """A node that could not be reported is when etcd answers."""
        *_, last = self.nodes("abc")
        self.cluster.crash(last)
        while KEYS.node("c") in [entry.key for entry in self.store.list(KEYS.root).entries]:
            self.cluster.advance(0.05)
        self.store.unavailable = True
        self.cluster.advance(TTL / 2)
        self.store.unavailable = False
        self.assertEqual(self.goes_on(30), ["c is gone: its lease ended; no instances became free"])


class CourseTests(DeparturesCase):
    """Note [Stopped, and started again], Note [Back]."""

    def test_first_start(self) -> None:
        """Nodes that come for the first time leave no event: who had them join did."""
        self.nodes("abc")
        self.assertEqual(self.reported, [])

    def test_restarted(self) -> None:
        """An agent that is stopped, and comes again within its lease, leaves one event, and no warning in its log."""
        *_, last = self.nodes("abc")
        with capturedLogs() as logged:
            self.cluster.stop(last)
            self.assertEqual(self.reported, [f"c {STOPPED}"])
            self.cluster.advance(1)
            self.cluster.succeed(last)
            self.assertEqual(self.goes_on(), [f"c {RESTARTED}"])
        self.assertEqual({e["log_level"] for e in logged if e.get("subject") == "c"}, {LogLevel.info})

    def test_restarted_often(self) -> None:
        """Each restart is an event."""
        *_, last = self.nodes("abc")
        for _ in range(3):
            self.cluster.stop(last)
            last = self.cluster.succeed(last)
            self.cluster.advance(1)
        self.assertEqual(self.reported, [f"c {RESTARTED}"] * 3)

    def test_crashed(self) -> None:
        """One that was not stopped says so, also if the one before had been."""
        *_, last = self.nodes("abc")
        self.cluster.stop(last)
        last = self.cluster.succeed(last)
        self.cluster.advance(1)
        self.cluster.crash(last)
        self.cluster.succeed(last)
        self.assertEqual(self.goes_on(), [f"c {RESTARTED}", f"c {UNSTOPPED}"])

    def test_stopped_for_good(self) -> None:
        """One that is stopped, and comes late, was gone because it was stopped."""
        *_, last = self.nodes("abc")
        self.cluster.stop(last)
        self.cluster.advance(REPORTED)
        self.cluster.succeed(last)
        gone = "c is gone: its agent was stopped, and its lease ended; no instances became free"
        self.assertEqual(self.goes_on(), [f"c {STOPPED}", gone, f"c {STARTED}"])

    def test_back(self) -> None:
        """A node that was cut off, and has another lease when it is back, says so if the others reported it."""
        *_, last = self.nodes("abc")
        self.cluster.agents.remove(last)
        self.cluster.advance(REPORTED)
        self.cluster.agents.append(last)
        last.off = REPORTED  # its clocks stood still
        self.assertEqual(self.goes_on(), ["c is gone: its lease ended; no instances became free", f"c {BACK}"])

    def test_back_after_a_new_record(self) -> None:
        """So does one whose record somebody had deleted before, so that it was written anew under the same lease."""
        *_, last = self.nodes("abc")
        self.store.commit([], [Delete(KEYS.node("c"))])
        self.cluster.advance(TTL)
        self.cluster.agents.remove(last)
        self.cluster.advance(REPORTED)
        self.cluster.agents.append(last)
        last.off = REPORTED
        self.assertEqual(self.goes_on(), ["c is gone: its lease ended; no instances became free", f"c {BACK}"])


@define
class Lease:
    """In the place of ``Heartbeat``: an agent that goes on under a lease."""

    lease: int
    taken_over: bool | None = True


class LaterTests(SynchronousTestCase):
    """Etcd does not answer when an agent looks for the event of the one before it."""

    def test_later(self) -> None:
        """It looks again: otherwise the last event would say that the agent was stopped, while it runs."""
        clock, store, cluster = LoopClock(), MemoryStore(), Cluster(KEYS)
        lease = store.grant(3600).id
        store.put(KEYS.node("c"), NodeRecord().encode(), lease)
        cluster.replace(store.list(KEYS.mirrored))
        store.put(KEYS.stopped("c", cluster.nodes["c"].created), Event(1.0, "c", "c", STOPPED).encode(), lease)
        journal = Journal(reactor=clock, run=run_at_once, store=store, keys=KEYS, node="c", wall=lambda: 2.0)
        journal.startService()
        store.unavailable = True
        course = OwnCourse(reactor=clock, cluster=cluster, node="c", heartbeat=Lease(lease), journal=journal)
        course.startService()
        store.unavailable = False
        clock.advance(AGAIN)
        events = [event.text for event in events_in(store)]
        self.assertEqual(events, [RESTARTED])
