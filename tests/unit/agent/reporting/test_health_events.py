"""Instances that become unhealthy, and healthy again, as events."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reporting.health_events import QUIET, TOGETHER, HealthEvents
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Deleted
from tests.build.history import batch, claimed
from tests.build.values import KEYS, WEB, instance, named
from tests.fakes.run import LoopClock

WELL = ClaimRecord("a", State.RUNNING, healthy=True, container="c1")
ILL = ClaimRecord("a", State.UNHEALTHY, container="c1", reason="nothing answers on port 80")
OUT = "is unhealthy, and left out of names and routes: nothing answers on port 80"


class HealthEventsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.cluster, self.revision = LoopClock(), Cluster(KEYS), 10
        self.found: list[str] = []
        self.events = HealthEvents(
            reactor=self.clock,
            cluster=self.cluster,
            node="a",
            record_event=lambda subject, text: self.found.append(f"{subject} {text}"),
        )
        self.events.startService()
        self.addCleanup(self.events.stopService)
        self.report(WELL, 1, 2, 3)

    def report(self, record: ClaimRecord, *numbers: int) -> None:
        """The claims of these instances say so."""
        for number in numbers:
            self.tell(instance(number), record)

    def tell(self, name: InstanceName, record: ClaimRecord) -> None:
        self.revision += 1
        self.events.on_changes(self.cluster.apply(batch(claimed(name, record, self.revision))))

    def happened(self, seconds: float = TOGETHER) -> list[str]:
        """Let time pass; return the events since the last call."""
        self.clock.advance(seconds)
        found, self.found[:] = list(self.found), []
        return found

    def test_one(self) -> None:
        """An instance that is left out is an event, with the reason, and so is its return."""
        self.report(ILL, 2)
        self.assertEqual(self.happened(), [f"2.web.myapp {OUT}"])
        self.report(evolve(ILL, reason="another one"), 2)
        self.assertEqual(self.happened(30), [])
        self.report(WELL, 2)
        self.assertEqual(self.happened(), ["2.web.myapp is healthy again, after 32 s"])
        self.assertEqual(self.happened(2 * QUIET), [])

    def test_many(self) -> None:
        """Those of a service that change together have one event."""
        self.report(ILL, 1, 2, 3)
        which = "3 instances on node a are unhealthy, and left out of names and routes, such as 1.web.myapp"
        self.assertEqual(self.happened(), [f"web.myapp {which}: nothing answers on port 80"])
        self.report(WELL, 1, 2)
        text = "2 instances on node a are healthy again, after up to 2 s"
        self.assertEqual(self.happened(), [f"web.myapp {text}"])
        self.report(WELL, 3)
        self.assertEqual(self.happened(), ["3.web.myapp is healthy again, after 3 s"])

    def test_flapping(self) -> None:
        """An instance that comes and goes is reported now and then."""
        for _ in range(round(QUIET / 2 / TOGETHER)):
            self.report(ILL, 1)
            self.clock.advance(TOGETHER)
            self.report(WELL, 1)
            self.clock.advance(TOGETHER)
        self.assertLessEqual(len(self.found), 4)

    def test_later(self) -> None:
        """An instance that is unhealthy soon after another one is reported if it still is so then."""
        self.report(ILL, 1)
        self.happened()
        self.report(ILL, 2, 3)
        self.assertEqual(self.happened(QUIET / 2), [])
        self.report(WELL, 3)
        self.assertEqual(self.happened(QUIET), [f"2.web.myapp {OUT}"])

    def test_soon(self) -> None:
        """An instance that waits until its service may be reported again delays no other, and no return."""
        other = InstanceName(named("other").name, 1)
        self.tell(other, WELL)
        self.report(ILL, 1)
        self.happened()
        self.report(ILL, 2)
        self.happened()
        self.report(WELL, 1)
        self.tell(other, ILL)
        self.assertEqual(self.happened(), [f"{other} {OUT}", "1.web.myapp is healthy again, after 3 s"])

    def test_replaced(self) -> None:
        """An instance whose container is replaced is healthy again when the new one is."""
        self.report(ILL, 1)
        self.happened()
        self.report(ClaimRecord("a", State.STARTING, container="c1"), 1)
        self.assertEqual(self.happened(9), [])
        self.report(evolve(WELL, container="c2"), 1)
        self.assertEqual(self.happened(), ["1.web.myapp is healthy again, after 11 s"])

    def test_others(self) -> None:
        """One that was not healthy before, is gone, or is another node's, is no event."""
        self.report(ILL, 4)
        self.report(evolve(WELL, node="b"), 5)
        self.report(evolve(ILL, node="b"), 5)
        self.report(ILL, 1)
        self.happened()
        self.revision += 1
        self.events.on_changes(self.cluster.apply(batch(Deleted(KEYS.claim(instance(1)), self.revision))))
        self.report(evolve(WELL, node="b"), 1)
        self.events.on_changes(Changes(services=frozenset({WEB})))
        self.assertEqual(self.happened(2 * QUIET), [])
