"""The first start: a service waits for those of its ``After``, and never again once it has started."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import Status
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Entry, Listing
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.claim_steps import WriteClaim
from daprdockr.planning.container_steps import CreateContainer, PullImage, StartContainer
from daprdockr.planning.placing.awaited import lacking
from daprdockr.planning.plan import Plan, plan
from tests.build.plans import FIRST, PlanTestCase
from tests.build.situations import FENCE, NOW, claim, container, running_record, situation, starting_record
from tests.build.values import API, KEYS, definition, instance, named

WAITING = definition(instances=2, After=["api"])
WELL = ClaimRecord("b", State.RUNNING, healthy=True)


class LackingTests(SynchronousTestCase):
    """Whether the others are healthy, as the mirror shows them."""

    def lacking(self, api: Definition | None, *records: ClaimRecord) -> tuple[str, ...]:
        entries = [Entry(KEYS.service(API), api.encode(), 5, 5)] if api is not None else []
        for number, record in enumerate(records, 1):
            entries.append(Entry(KEYS.claim(instance(number, API)), record.encode(), 6, 6, 7))
        cluster = Cluster(KEYS)
        cluster.replace(Listing(1, 9, tuple(entries)))
        return lacking(WAITING, cluster)

    def test_healthy(self) -> None:
        """A service is not lacking when all its wanted instances are healthy, of whatever definition."""
        api = named("api", 2)
        self.assertEqual(self.lacking(api, WELL, evolve(WELL, definition="older")), ())
        for other in (evolve(WELL, healthy=False), evolve(WELL, state=State.WITHDRAWN)):
            self.assertEqual(self.lacking(api, WELL, other), ("api.myapp",))
            self.assertEqual(self.lacking(api, other, WELL), ("api.myapp",))
        self.assertEqual(self.lacking(api, WELL), ("api.myapp",))

    def test_none_wanted(self) -> None:
        """Nobody waits for a service of which no instance is wanted; one more than wanted does not matter."""
        self.assertEqual(self.lacking(named("api", 0)), ())
        self.assertEqual(self.lacking(named("api", 1), WELL, evolve(WELL, healthy=False)), ())

    def test_missing(self) -> None:
        """One that does not exist is waited for, and says so."""
        self.assertEqual(self.lacking(None), ("api.myapp, which does not exist",))

    def test_held(self) -> None:
        """One whose definition cannot be read exists, and is waited for."""
        cluster = Cluster(KEYS)
        cluster.replace(Listing(1, 9, (Entry(KEYS.service(API), b"?", 5, 5),)))
        self.assertEqual(lacking(WAITING, cluster), ("api.myapp",))


class WaitsTests(PlanTestCase):
    """The plan for an instance of a service that waits."""

    WAITS = claim(starting_record(reason="waits for api.myapp"))
    LACKING = ("api.myapp",)

    def test_first_start(self) -> None:
        """An instance is claimed and its image pulled, but no container created; the claim says why."""
        new = situation(evolve(WAITING, instances=1), (claim(starting_record()),), awaited=self.LACKING)
        self.assert_steps(new, WriteClaim(FIRST, self.WAITS.record, FENCE, FENCE))
        absent = situation(evolve(WAITING, instances=1), (self.WAITS,), awaited=self.LACKING, images={})
        self.assert_steps(absent, PullImage("web:1"))
        self.assertEqual(
            plan(situation(evolve(WAITING, instances=1), (self.WAITS,), awaited=self.LACKING), NOW), Plan()
        )

    def test_healthy(self) -> None:
        """When the others are healthy it is created."""
        steps = plan(situation(WAITING, (self.WAITS,)), NOW).steps
        self.assertTrue(any(isinstance(step, CreateContainer) for step in steps))

    def test_another_started(self) -> None:
        """Once one instance of the service was started, none of them waits: a database's end holds nothing back."""
        second = claim(evolve(running_record(container("c2", 2)), node="b", healthy=False), 2)
        seen = situation(WAITING, (self.WAITS, second), awaited=self.LACKING)
        self.assertTrue(any(isinstance(step, CreateContainer) for step in plan(seen, NOW).steps))

    def test_ran_before(self) -> None:
        """An instance that ran here is started again, whatever became of the others."""
        ended = container(of=WAITING, status=Status.EXITED)
        seen = situation(evolve(WAITING, instances=1), (claim(starting_record()),), (ended,), awaited=self.LACKING)
        self.assert_steps(seen, StartContainer(FIRST, "c1", generation=WAITING.digest))

    def test_running(self) -> None:
        """One that runs goes on, when the others are not healthy any more."""
        runs = container(of=WAITING)
        seen = situation(evolve(WAITING, instances=1), (claim(running_record(runs)),), (runs,), awaited=self.LACKING)
        self.assertEqual(plan(seen, NOW), Plan())
