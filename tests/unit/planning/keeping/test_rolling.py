"""The planner about rollouts: which instance gets a slot, what is done with it, and when it is freed."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from daprdockr.model.host import Status
from daprdockr.model.stored.claim import State
from daprdockr.model.stored.revisioned import StoredVolumes
from daprdockr.model.stored.volume import VolumeRecord
from daprdockr.planning.attempts import Attempts
from daprdockr.planning.claim_steps import WriteClaim
from daprdockr.planning.container_steps import CreateContainer, RemoveContainer, StartContainer, StopContainer
from daprdockr.planning.keeping.rolling import TURN, is_whole
from daprdockr.planning.plan import Plan, plan
from daprdockr.planning.rollout_steps import FreeSlot, TakeSlot
from daprdockr.planning.situation import Situation
from tests.build.plans import CHANGED, FIRST, OURS, RUNNING, SECOND, STARTING, PlanTestCase
from tests.build.situations import (
    DEFINED,
    FENCE,
    HERE,
    NOW,
    OUT_OF_TOUCH,
    WEB_1,
    WEB_2,
    claim,
    container,
    running_record,
    situation,
    slot,
)
from tests.build.values import definition, instance

WANTED = definition("web:2", instances=3)
NEW = container("new", of=WANTED, started=20.0)
PROVEN = NOW - WANTED.update.min_healthy
TAKEN = {1: slot(WANTED)}
ELSEWHERE = [claim(evolve(running_record(container(f"c{n}", n)), node="b"), n, lease=78) for n in (1, 2, 3)]
ANOTHER = "another container of this instance runs"


def seen(*containers: Any, wanted: Any = WANTED, first: Any = OURS, **fields: Any) -> Situation:
    """Instance 1 is ours, the others are those of node b."""
    return situation(wanted, (first, *ELSEWHERE[1:]), containers, **{"slots": TAKEN, **fields})


class WholeTests(PlanTestCase):
    """``is_whole``."""

    def test_each_one(self) -> None:
        """Each wanted instance has to be healthy, and of the definition; one that is not wanted does not matter."""
        wanted, well = definition(instances=2), running_record(RUNNING)
        for first, second, third, whole in (
            (well, well, None, True),
            (well, well, evolve(well, healthy=False), True),
            (well, None, well, False),
            (well, evolve(well, healthy=False), None, False),
            (evolve(well, healthy=False), well, None, False),
            (well, evolve(well, definition="older"), None, False),
        ):
            records = {1: first, 2: second, 3: third}
            claims = {number: claim(record, number) for number, record in records.items() if record is not None}
            self.assertEqual(is_whole(wanted, claims), whole)

    def test_none_wanted(self) -> None:
        """A service of which no instance is wanted is not."""
        self.assertFalse(is_whole(definition(instances=0), {}))


class TakeTests(PlanTestCase):
    def third(self, **fields: Any) -> Plan:
        """Instance 3 is ours, and the ones before it are out of date too."""
        ours = container("c3", 3)
        return plan(situation(WANTED, (*ELSEWHERE[:2], claim(running_record(ours), 3)), (ours,), **fields), NOW)

    def test_lowest_first(self) -> None:
        """The lowest instance that is out of date takes the slot at once, each next one a turn later."""
        self.assertEqual(plan(seen(RUNNING, slots={}), NOW).steps, (TakeSlot(FIRST, 1, 0, WANTED.digest),))
        self.assertEqual(self.third(), Plan((), NOW + 2 * TURN))
        waited = self.third(vacant_since={1: NOW - 2 * TURN})
        self.assertEqual([step.number for step in waited.steps if isinstance(step, TakeSlot)], [1])

    def test_several(self) -> None:
        """Of several slots each of the lowest takes its own."""
        for most, taken in ((2, Plan((), NOW + TURN)), (3, None)):
            wanted = definition("web:2", instances=3, Update={"Parallelism": most})
            ours = container("c3", 3)
            there = (*ELSEWHERE[:2], claim(running_record(ours), 3))
            found = plan(situation(wanted, there, (ours,)), NOW)
            self.assertEqual(found, taken or Plan((TakeSlot(FIRST.__class__(FIRST.service, 3), 3, 0, wanted.digest),)))

    def test_after_one_that_is_busy(self) -> None:
        """An instance that has a slot has had its turn: nobody waits for it to take another."""
        wanted = definition("web:2", instances=3, Update={"Parallelism": 2})
        ours, busy = container("c3", 3), {1: slot(wanted, node="b", lease=78)}
        found = situation(wanted, (*ELSEWHERE[:2], claim(running_record(ours), 3)), (ours,), slots=busy)
        self.assertEqual(plan(found, NOW), Plan((), NOW + TURN))

    def test_after_one_that_is_through(self) -> None:
        """Nor does one wait for an instance that leads to a container of this definition already."""
        ours, through = container("c3", 3), evolve(ELSEWHERE[0].record, definition=WANTED.digest)
        there = (evolve(ELSEWHERE[0], record=through), ELSEWHERE[1], claim(running_record(ours), 3))
        self.assertEqual(plan(situation(WANTED, there, (ours,)), NOW), Plan((), NOW + TURN))

    def test_all_taken(self) -> None:
        """While the slots are taken the instance waits for news."""
        other = {1: slot(WANTED, number=2, node="b", lease=78)}
        self.assertEqual(plan(seen(RUNNING, slots=other), NOW), Plan())
        ill = claim(running_record(RUNNING, state=State.UNHEALTHY, healthy=False))
        steps = plan(seen(RUNNING, first=ill, slots=other), NOW).steps
        self.assertEqual([step for step in steps if isinstance(step, TakeSlot)], [])

    def slots_taken(self, most: int, away: int, **fields: Any) -> list[int]:
        """The slots that are taken for instance 1 of four, of which ``away`` wait for the node with their data."""
        kept = {"Container": {"Volumes": ["data:/data"]}, "Update": {"Parallelism": most}, **fields.pop("wanted", {})}
        wanted = definition("web:2", instances=4, **kept)
        record, numbers = fields.pop("record", running_record(RUNNING)), range(2, 5 - away)
        others = (evolve(ELSEWHERE[0], instance=instance(number)) for number in numbers)
        stored = {number: StoredVolumes(VolumeRecord("gone", ("data",)), 9) for number in range(5 - away, 5)}
        there = situation(wanted, (claim(record), *others), (RUNNING,), **{"volumes": stored, **fields})
        return [step.number for step in plan(there, NOW).steps if isinstance(step, TakeSlot)]

    def test_away(self) -> None:
        """An instance that waits for its data takes a place of those that may be away, unless it has a slot already."""
        self.assertEqual(self.slots_taken(1, 0), [1])
        self.assertEqual((self.slots_taken(1, 1), self.slots_taken(2, 1), self.slots_taken(2, 2)), ([], [1], []))
        self.assertEqual(self.slots_taken(2, 3), [])
        held = {1: slot(WANTED, number=4, node="b", lease=78)}
        self.assertEqual((self.slots_taken(2, 1, slots=held), self.slots_taken(2, 2, slots=held)), ([2], []))

    def test_away_without_effect(self) -> None:
        """It does not if nothing is stopped, if the instance itself is not healthy, or if no data is waited for."""
        read = {"Container": {"Volumes": ["data:/data:ro"]}}
        self.assertEqual(self.slots_taken(1, 1, wanted=read), [1])
        self.assertEqual(self.slots_taken(1, 1, record=running_record(RUNNING, healthy=False)), [1])
        self.assertEqual(self.slots_taken(1, 1, volumes={}), [1])

    def test_not_of_an_ended_lease(self) -> None:
        """A slot of this node's former lease is none, and ends with that."""
        self.assertEqual(plan(seen(RUNNING, slots={1: slot(WANTED, lease=76)}), NOW), Plan())

    def test_nothing_runs(self) -> None:
        """An instance of which nothing runs, and whose claim leads to nothing here, needs no slot."""
        ended = evolve(RUNNING, status=Status.EXITED)
        record = evolve(running_record(RUNNING), state=State.STARTING, healthy=False, container="gone")
        found = seen(ended, first=claim(record), slots={})
        self.assert_steps(found, CreateContainer(FIRST, WANTED, (), FENCE, DEFINED))


class StartFirstTests(PlanTestCase):
    def test_created_and_started_beside(self) -> None:
        """With the slot the new container is created and started, and the old one is not touched."""
        self.assert_steps(seen(RUNNING), CreateContainer(FIRST, WANTED, (), FENCE, DEFINED))
        created = evolve(NEW, status=Status.CREATED)
        self.assert_steps(seen(RUNNING, created), StartContainer(FIRST, "new"))

    def test_proven(self) -> None:
        """The claim changes when the new one has been healthy for ``MinHealthy`` seconds."""
        self.assertEqual(plan(seen(RUNNING, NEW), NOW), Plan())
        self.assertEqual(plan(seen(RUNNING, NEW, well_since={"new": PROVEN + 1}), NOW), Plan((), NOW + 1))
        swap = WriteClaim(FIRST, running_record(NEW), FENCE, FENCE)
        self.assert_steps(seen(RUNNING, NEW, well_since={"new": PROVEN}), swap)

    def test_then_the_old_one_goes(self) -> None:
        """When the claim leads to the new one, the old one goes, and then the slot is freed."""
        swapped: dict[str, Any] = {"first": claim(running_record(NEW)), "well_since": {"new": PROVEN}}
        self.assert_steps(seen(RUNNING, NEW, **swapped), StopContainer(FIRST, "c1", 3, ANOTHER))
        ended = evolve(RUNNING, status=Status.EXITED)
        self.assert_steps(seen(ended, NEW, **swapped), RemoveContainer(FIRST, "c1", ANOTHER))
        self.assert_steps(seen(NEW, **swapped), FreeSlot(FIRST, 1, FENCE, revision=FENCE))

    def test_new_one_fails(self) -> None:
        """A new container that does not come up leaves the old one alone; the claim says why, and the slot is kept."""
        ended, failed = (
            evolve(NEW, status=Status.EXITED),
            {FIRST: Attempts(3, NOW + 9, "exit status 1", of=WANTED.digest)},
        )
        (step,) = plan(seen(RUNNING, ended, attempts=failed), NOW).steps
        reason = "the container of the changed definition does not come up: exit status 1"
        self.assertEqual(step, WriteClaim(FIRST, running_record(RUNNING, reason=reason), FENCE, FENCE))

    def test_another_has_ended(self) -> None:
        """One of another generation that has ended stays until the new one is proven: it may be needed again."""
        ended = container("between", of=definition("web:3", instances=3), status=Status.EXITED)
        self.assert_steps(seen(RUNNING, ended), CreateContainer(FIRST, WANTED, (), FENCE, DEFINED))

    def test_old_one_has_ended(self) -> None:
        """An old one that ended is started again while the new one is to be proven, and not after that."""
        ended = evolve(RUNNING, status=Status.EXITED)
        for fields, started in (({}, True), ({"well_since": {"new": PROVEN}}, False), ({"slots": {}}, False)):
            steps = plan(seen(ended, NEW, **fields), NOW).steps
            self.assertEqual(any(isinstance(step, StartContainer) for step in steps), started, fields)

    def test_old_one_is_not_well(self) -> None:
        """An old one to which nothing leads stays too until the new one is in the claim."""
        ill = claim(running_record(RUNNING, state=State.UNHEALTHY, healthy=False))
        checked = definition("web:2", instances=3, Health={"Type": "tcp", "Port": 80})
        new = container("new", of=checked, started=20.0)
        found = seen(RUNNING, new, wanted=checked, first=ill, slots={1: slot(checked)}, verdicts={"c1": False})
        self.assertEqual([s for s in plan(found, NOW).steps if isinstance(s, StopContainer)], [])

    def test_claim_may_lead_there(self) -> None:
        """While a write of ours has no answer nothing is stopped: the claim may lead to any copy by now."""
        fields: dict[str, Any] = {"wanted": evolve(WEB_1, instances=3), "well_since": {"c1": PROVEN}}
        self.assert_stops(seen(RUNNING, NEW, **fields), "new")
        self.assert_stops(seen(RUNNING, NEW, unanswered={1}, **fields))

    def test_claimed_anew(self) -> None:
        """
        An agent that has no verdict yet, and no claim that leads to a copy, does not stop the older one: it may be the
        one that is healthy. When it finds it ill, or the claim leads to the new one, it goes.
        """
        checked = definition("web:2", instances=3, Health={"Type": "tcp", "Port": 80})
        new = container("new", of=checked, started=20.0)
        known: dict[str, Any] = {"wanted": checked, "first": STARTING, "slots": {}}
        for verdicts in ({}, {"new": False}, {"c1": True}, {"new": False, "c1": True}):
            self.assert_stops(seen(RUNNING, new, verdicts=verdicts, **known))
        self.assert_stops(seen(RUNNING, new, verdicts={"new": False, "c1": False}, **known), "c1")
        gone = {**known, "first": claim(running_record(new, container="gone"))}
        self.assert_stops(seen(RUNNING, new, verdicts={"c1": True}, **gone))
        ended = evolve(new, id="gone", status=Status.EXITED)
        self.assert_stops(seen(RUNNING, new, ended, verdicts={"c1": True}, **gone))
        ill = {**known, "first": claim(running_record(new, state=State.UNHEALTHY, healthy=False))}
        self.assert_stops(seen(RUNNING, new, verdicts={"c1": True}, **ill))
        swapped = {**known, "first": claim(running_record(new))}
        self.assert_stops(seen(RUNNING, new, verdicts={"new": True, "c1": True}, **swapped), "c1")

    def test_between(self) -> None:
        """So it is with two older ones, which a newer definition left behind."""
        between = container("between", of=definition("web:3", instances=3), started=15.0)
        checked = definition("web:2", instances=3, Health={"Type": "tcp", "Port": 80})
        for verdicts, stopped in (({}, ()), ({"c1": True}, ()), ({"c1": False}, ("c1",))):
            found = seen(between, RUNNING, wanted=checked, first=STARTING, slots={}, verdicts=verdicts)
            self.assert_stops(found, *stopped)

    def assert_stops(self, found: Situation, *containers: str) -> None:
        steps = plan(found, NOW).steps
        self.assertEqual(tuple(step.container for step in steps if isinstance(step, StopContainer)), containers)


class StopFirstTests(PlanTestCase):
    WANTED = definition("web:2", instances=3, Update={"Order": "stop-first"})

    def test_old_one_goes_first(self) -> None:
        """The old one is withdrawn; when nothing leads to it any more it is stopped."""
        (step,) = plan(seen(RUNNING, wanted=self.WANTED), NOW).steps
        assert isinstance(step, WriteClaim)
        self.assertEqual((step.record.state, step.record.reason), (State.WITHDRAWN, CHANGED))
        told = claim(step.record)
        self.assert_steps(seen(RUNNING, wanted=self.WANTED, first=told), StopContainer(FIRST, "c1", 3, CHANGED))

    def test_old_one_may_have_no_other_beside_it(self) -> None:
        """One that was made with ``OnPartition: stop`` goes first, whatever the new definition says."""
        (step,) = plan(seen(evolve(RUNNING, on_partition="stop")), NOW).steps
        self.assertIsInstance(step, WriteClaim)

    def test_slot_until_proven(self) -> None:
        """The slot is kept until the new one has been healthy for ``MinHealthy`` seconds."""
        ours: dict[str, Any] = {"wanted": self.WANTED, "first": claim(running_record(NEW))}
        self.assertEqual(plan(seen(NEW, well_since={"new": PROVEN + 1}, **ours), NOW), Plan((), NOW + 1))
        self.assert_steps(seen(NEW, well_since={"new": PROVEN}, **ours), FreeSlot(FIRST, 1, FENCE, revision=FENCE))


class SupersededTests(PlanTestCase):
    def test_newer_definition(self) -> None:
        """The slot is kept for the newer definition at once, and the container of the one in between goes."""
        newest = definition("web:1", instances=3, Container={"Env": ["A=1"]})
        between = {1: slot(WANTED)}
        self.assert_steps(
            seen(RUNNING, NEW, wanted=newest, slots=between),
            TakeSlot(FIRST, 1, FENCE, newest.digest, revision=FENCE),
            StopContainer(FIRST, "new", 3, CHANGED),
        )

    def test_none_runs(self) -> None:
        """So it is if the one in between has ended and there is no former one: the deadline counts for the newest."""
        newest = definition("web:1", instances=3, Container={"Env": ["A=1"]}, Update={"Order": "stop-first"})
        ended = container("new", of=WANTED, status=Status.EXITED)
        ours = claim(running_record(ended))
        taken = TakeSlot(FIRST, 1, FENCE, newest.digest, revision=FENCE)
        self.assertIn(taken, plan(seen(ended, wanted=newest, first=ours), NOW).steps)
        steps = plan(seen(ended, wanted=newest, first=ours, slots={1: slot(newest)}), NOW).steps
        self.assertIn(CreateContainer(FIRST, newest, (), FENCE, DEFINED), steps)

    def test_changed_back(self) -> None:
        """The container that still serves is kept, and the slot is freed when it is alone."""
        back = evolve(WEB_1, instances=3)
        self.assert_steps(seen(RUNNING, NEW, wanted=back), StopContainer(FIRST, "new", 3, ANOTHER))
        alone = seen(RUNNING, wanted=back, well_since={"c1": PROVEN})
        self.assert_steps(alone, FreeSlot(FIRST, 1, FENCE, revision=FENCE))

    def test_not_needed_any_more(self) -> None:
        """The slot of an instance that is not wanted, or another node's by now, is freed."""
        for found in (
            situation(evolve(WEB_2, instances=0), slots=TAKEN),
            situation(None, slots=TAKEN),
            situation(WEB_2, (ELSEWHERE[0],), slots=TAKEN),
        ):
            self.assertIn(FreeSlot(FIRST, 1, FENCE, revision=FENCE), plan(found, NOW).steps)

    def test_out_of_touch(self) -> None:
        """A node that is out of touch, or has no lease, frees none."""
        for here in (OUT_OF_TOUCH, evolve(HERE, lease=0)):
            self.assertEqual(plan(situation(None, slots=TAKEN, here=here), NOW), Plan())

    def test_another_instance_of_ours(self) -> None:
        """A slot is for one instance: the other one of this node has to wait."""
        other = container("c2", 2)
        found = situation(
            definition("web:2", instances=2),
            (OURS, claim(running_record(other), 2)),
            (RUNNING, other),
            slots={1: slot(definition("web:2"), number=1)},
        )
        self.assertEqual([step for step in plan(found, NOW).steps if getattr(step, "instance", None) == SECOND], [])
