"""``/api/events``: the latest events, and what is answered while etcd is away."""

from __future__ import annotations

import json
from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest

from daprdockr.api.events import LEFT_OUT, MOST_EVENTS, EventsDocument
from daprdockr.api.recent import MOST_SERVICES, REST, Recent
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.events import LIFE, Event
from daprdockr.model.stored.history import RevisionRecord
from tests.build.values import KEYS, WEB, definition, named
from tests.fakes.run import run_at_once
from tests.fakes.store import MemoryStore


class EventsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store, self.clock = MemoryStore(), Clock()
        self.cluster = Cluster(KEYS)
        recent = Recent(reactor=self.clock, run=run_at_once, store=self.store, cluster=self.cluster)
        self.document = EventsDocument(recent, lambda: LIFE + 2.0)

    def happen(self, *times: int) -> None:
        lease = self.store.grant(60).id
        for time in times:
            self.store.put(KEYS.event("a", time), Event(float(time), "a", "web.myapp", "died").encode(), lease)

    def asked(self) -> DummyRequest:
        request = DummyRequest([b"events"])
        finished: Deferred[None] = request.notifyFinish()
        self.document.render(request)
        self.successResultOf(finished)
        return request

    def times(self) -> list[float]:
        return [row["Time"] for row in json.loads(b"".join(self.asked().written))]

    def test_latest(self) -> None:
        """The latest events are there, oldest first, and no more than a certain number of them."""
        self.happen(2, 1)
        self.assertEqual(self.times(), [1.0, 2.0])
        self.happen(*range(3, MOST_EVENTS + 3))
        self.clock.advance(REST)
        self.assertEqual(self.times(), [float(time) for time in range(3, MOST_EVENTS + 3)])

    def test_changes(self) -> None:
        """The changes of definitions of the last hour are among them, with who made them."""
        self.happen(1)
        for number in (1, 2, 3):
            record = RevisionRecord(definition(instances=number), float(number), "apply by anna@desk")
            self.store.put(KEYS.revision(WEB, number), record.encode())
        self.store.put(KEYS.service(WEB), definition(instances=3).encode())
        self.cluster.replace(self.store.list(KEYS.services))
        _, *rows = json.loads(b"".join(self.asked().written))
        self.assertEqual([row["Text"][-12:] for row in rows], ["(revision 2)", "(revision 3)"])
        last = {"Time": 3.0, "Node": "desk", "Subject": str(WEB), "By": "apply by anna@desk"}
        self.assertEqual(rows[1], last | {"Text": "Instances 2 -> 3 (revision 3)"})

    def left_out(self) -> Sequence[bytes] | None:
        self.clock.advance(REST)
        return self.asked().responseHeaders.getRawHeaders(LEFT_OUT)

    def test_left_out(self) -> None:
        """The answer says how many earlier events it lacks, and of how many services the changes, if any."""
        self.happen(*range(1, MOST_EVENTS - MOST_SERVICES + 1))
        for number in range(MOST_SERVICES):
            self.store_service(number, time=3.0)
        self.assertEqual(self.left_out(), None)
        for number in range(MOST_SERVICES, MOST_SERVICES + 5):
            self.store_service(number, time=3.0)
        self.assertEqual(self.left_out(), [b"events=0, services=5"])
        self.happen(1000, 1001)
        self.assertEqual(self.left_out(), [b"events=2, services=5"])
        self.store_service(5, time=1.0)
        for number in range(6, MOST_SERVICES + 5):
            self.store_service(number, time=3.0)
        self.assertEqual(self.left_out(), [b"events=1, services=0"])

    def store_service(self, number: int, time: float) -> None:
        wanted = named(f"s{number}")
        record = RevisionRecord(wanted, time, "apply by anna@desk")
        self.store.put(KEYS.revision(wanted.name, 1), record.encode())
        self.store.put(KEYS.service(wanted.name), wanted.encode())
        self.cluster.replace(self.store.list(KEYS.services))

    def test_away(self) -> None:
        """While etcd is away the last known events stay; without any there is no answer, which is not an empty list."""
        self.store.unavailable = True
        request = self.asked()
        self.assertEqual(request.responseCode, 503)
        self.assertIn(b"etcd has not answered", request.written[0])
        self.store.unavailable = False
        self.happen(1)
        self.clock.advance(REST)
        self.assertEqual(self.times(), [1.0])
        self.store.unavailable = True
        self.clock.advance(REST)
        self.assertEqual(self.times(), [1.0])
