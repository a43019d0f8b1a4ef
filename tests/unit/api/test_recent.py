"""The latest events and changes, read from etcd on demand."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.api.recent import MOST_SERVICES, PATIENCE, REST, REST_OF_RENEWALS, Recent
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.history import RevisionRecord
from daprdockr.model.stored.renewal import RenewalRecord
from tests.build.values import KEYS, WEB, definition, named
from tests.fakes.run import run_at_once
from tests.fakes.store import MemoryStore


class RecentTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store, self.cluster, self.clock = MemoryStore(), Cluster(KEYS), Clock()
        self.calls: list[tuple[str, ...]] = []
        self.recent = Recent(reactor=self.clock, run=self.run_call, store=self.store, cluster=self.cluster)
        self.hanging: Deferred[Any] | None = None

    def run_call(self, call: Any, /, *args: Any) -> Deferred[Any]:
        self.calls.append(args[0])
        return self.hanging if self.hanging is not None else run_at_once(call, *args)

    def happen(self, text: str, time: float = 5.0) -> None:
        self.store.put(KEYS.event("a", int(time)), Event(time, "a", "web.myapp", text).encode(), self.lease())

    def lease(self) -> int:
        return self.store.grant(60).id

    def change(self, number: int, instances: int) -> None:
        wanted = definition(instances=instances)
        self.store.put(KEYS.revision(WEB, number), RevisionRecord(wanted, float(number), "anna").encode())
        self.store.put(KEYS.service(WEB), wanted.encode())
        self.cluster.replace(self.store.list(KEYS.services))

    def refreshed(self) -> list[str]:
        self.successResultOf(self.recent.refresh())
        return [one.text for one in self.recent.happened]

    def test_read(self) -> None:
        """Events and changes are there after a reading."""
        self.assertNotEqual(self.recent.unread, "")
        self.happen("died")
        self.change(1, 2)
        self.assertEqual(self.refreshed(), ["died", "created with 2 instances (revision 1)"])
        self.assertEqual(self.recent.unread, "")

    def test_rest(self) -> None:
        """However often somebody asks, etcd is asked once in a while, and for a history when it has changed."""
        self.change(1, 1)
        for _ in range(5):
            self.refreshed()
        self.assertEqual(self.calls, [(KEYS.events, KEYS.history(WEB), KEYS.renewals)])
        self.clock.advance(REST)
        self.refreshed()
        self.assertEqual(self.calls[1:], [(KEYS.events,)])
        self.change(2, 3)
        self.clock.advance(REST)
        self.assertIn("Instances 1 -> 3 (revision 2)", self.refreshed())
        self.assertEqual(self.calls[2:], [(KEYS.events, KEYS.history(WEB))])

    def test_service(self) -> None:
        """The timeline of one service has its own events and history, read at once when somebody asks for it."""
        self.change(1, 2)
        self.happen("died")
        self.store.put(KEYS.event("b", 9), Event(9.0, "b", "1.web.myapp", "fell").encode(), self.lease())
        self.store.put(KEYS.event("c", 9), Event(9.0, "c", "1.myweb.myapp", "rose").encode(), self.lease())
        self.recent.ask_for(WEB)
        self.refreshed()
        texts = [one.text for one in self.recent.about(WEB)]
        self.assertEqual(texts, ["fell", "died", "created with 2 instances (revision 1)"])

    def test_asked_for(self) -> None:
        """A service is read at once though others were read just now; so many are kept, and no more."""
        self.refreshed()
        for number in range(MOST_SERVICES + 5):
            self.recent.ask_for(named(f"s{number}").name)
        self.change(1, 2)
        self.recent.ask_for(WEB)
        self.refreshed()
        self.assertEqual(len(self.recent.about(WEB)), 1)
        self.assertEqual(self.recent.history(named("s0").name).revisions, ())

    def test_asked_for_meanwhile(self) -> None:
        """A service that is asked for while others are read is read before the answer."""
        under_way = self.hanging = Deferred()
        others = self.recent.refresh()
        self.change(1, 2)
        self.recent.ask_for(WEB)
        ours = self.recent.refresh()
        self.hanging = None
        under_way.callback(self.store.list(self.calls[0]))
        self.assertEqual([self.successResultOf(one) for one in (others, ours)], [None, None])
        self.assertEqual([one.text for one in self.recent.about(WEB)], ["created with 2 instances (revision 1)"])

    def test_asked_for_by_others(self) -> None:
        """Nobody waits for what others ask for meanwhile: each has an answer after the second reading at the latest."""
        under_way = self.hanging = Deferred()
        waits = self.recent.refresh()
        for number in range(3):
            self.recent.ask_for(named(f"s{number}").name)
            later = self.recent.refresh()
            ended, under_way = under_way, Deferred()
            self.hanging = under_way
            ended.callback(self.store.list(self.calls[0]))
            self.successResultOf(waits)
            self.assertNoResult(later)
            waits = later

    def test_renewals(self) -> None:
        """Attempts at renewals are read with events, but less often; while etcd is away the last reading stays."""
        place = f"{KEYS.renewals}www.example.com"
        self.store.put(place, RenewalRecord(error="refused").encode())
        self.refreshed()
        self.assertEqual(self.recent.renewals, {"www.example.com": RenewalRecord(error="refused")})
        self.store.put(place, RenewalRecord(error="refused again").encode())
        for seconds, unavailable, error in (
            (REST, False, "refused"),
            (REST_OF_RENEWALS, True, "refused"),
            (REST, False, "refused again"),
        ):
            self.store.unavailable = unavailable
            self.clock.advance(seconds)
            self.refreshed()
            self.assertEqual(self.recent.renewals["www.example.com"].error, error)

    def test_unavailable(self) -> None:
        """While etcd is away the last reading stays, and says that it is not of now."""
        self.happen("died")
        self.refreshed()
        self.store.unavailable = True
        self.clock.advance(REST)
        self.assertEqual(self.refreshed(), ["died"])
        self.assertIn("not of now", self.recent.unread)

    def test_silent(self) -> None:
        """Nobody waits long for an etcd that does not answer, and it is asked once at a time."""
        self.hanging = Deferred()
        waiting = [self.recent.refresh(), self.recent.refresh()]
        self.assertNoResult(waiting[0])
        self.clock.advance(PATIENCE)
        self.assertEqual([self.successResultOf(one) for one in waiting], [None, None])
        self.assertIn("in time", self.recent.unread)
        self.assertEqual(len(self.calls), 1)
        self.hanging.callback(self.store.list(KEYS.events))
        self.assertEqual(self.recent.unread, "")

    def test_fault(self) -> None:
        """A fault of ours is logged, and the page is shown without."""
        self.hanging = Deferred()
        waiting = self.recent.refresh()
        self.hanging.errback(ValueError("a fault"))
        self.successResultOf(waiting)
        self.assertIn("log", self.recent.unread)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
