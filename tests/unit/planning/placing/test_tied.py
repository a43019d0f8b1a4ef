"""Instances with data on one node: who claims them, when that is written down, and when people are notified."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from daprdockr.model.host import Status
from daprdockr.model.stored.revisioned import Claim, StoredVolumes
from daprdockr.model.stored.volume import UNKNOWN, UNREADABLE, VolumeRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.claim_steps import ReleaseClaim, TakeClaim, TakeSuccession
from daprdockr.planning.container_steps import CreateContainer, RemoveContainer, StartContainer, StopContainer
from daprdockr.planning.placing.home import empty_volumes, homes
from daprdockr.planning.placing.tied import ties
from daprdockr.planning.plan import Plan, plan
from daprdockr.planning.volume_steps import ForgetVolumes, NoteOverdue, RecordVolumes
from tests.build.plans import FIRST, SECOND, PlanTestCase
from tests.build.situations import (
    FENCE,
    HERE,
    IMAGES,
    NOW,
    OUT_OF_TOUCH,
    WEB_1,
    candidates,
    claim,
    container,
    running_record,
    situation,
    starting_record,
)
from tests.build.values import definition, fixing

KEPT: dict[str, Any] = {"Volumes": ["data:/data"]}


def db(instances: int = 1, **members: Any) -> Definition:
    return definition(instances=instances, Container={**KEPT, **members.pop("Container", {})}, **members)


def stored(node: str, *volumes: str, overdue: bool = False, revision: int = 20) -> StoredVolumes:
    return StoredVolumes(VolumeRecord(node, volumes or ("data",), overdue), revision)


class ClaimTests(PlanTestCase):
    """A free instance, of which node ``a`` knows where its data is."""

    def taken(self, wanted: Definition, **seen: Any) -> list[int]:
        given: dict[str, Any] = {"candidates": candidates("a", "b"), **seen}
        steps = plan(situation(wanted, **given), NOW + 100).steps
        return [step.instance.number for step in steps if isinstance(step, TakeClaim)]

    def test_elsewhere(self) -> None:
        """An instance whose data is on another node is not claimed, however long it is free."""
        self.assertEqual(self.taken(db(), volumes={1: stored("b")}, free_since={1: 0.0}), [])
        self.assertEqual(self.taken(db(), volumes={}, free_since={1: 0.0}), [1])

    def test_here(self) -> None:
        """One whose data is here is claimed at once, though the other node has fewer instances."""
        seen = situation(db(), volumes={1: stored("a")}, candidates=candidates("a", "b", a=5, b=0), free_since={1: NOW})
        self.assertEqual(plan(seen, NOW).steps[0], TakeClaim(FIRST, starting_record(), 20))

    def test_many_leases_at_once(self) -> None:
        """While nodes that vanished together may come back, one whose data is here is not claimed, either."""
        fields: dict[str, Any] = {"volumes": {1: stored("a")}, "free_since": {1: NOW}}
        self.assertEqual(plan(situation(db(), adopt_until=NOW + 3.0, **fields), NOW), Plan((), NOW + 3.0))
        steps = plan(situation(db(), adopt_until=NOW - 3.0, **fields), NOW).steps
        self.assertEqual(steps[0], TakeClaim(FIRST, starting_record(), 20))

    def test_compared(self) -> None:
        """A claim is made only if the record is the one by which it was decided; without volumes none is compared."""
        seen = situation(db(), candidates=candidates("a"), free_since={1: NOW})
        self.assertEqual(plan(seen, NOW).steps[0], TakeClaim(FIRST, starting_record(), 0))
        seen = situation(candidates=candidates("a"), free_since={1: NOW})
        self.assertEqual(plan(seen, NOW).steps[0], TakeClaim(FIRST, starting_record(), None))

    def test_old_container(self) -> None:
        """After a move by hand a container that is left here gives no precedence, whether it runs or not."""
        for status in (Status.RUNNING, Status.EXITED):
            left = (container(of=db(), status=status),)
            self.assertEqual(self.taken(db(), containers=left, volumes={1: stored("b")}, free_since={1: 0.0}), [])
            self.assertEqual(self.taken(db(), containers=left, volumes={1: stored("a")}, free_since={1: 0.0}), [1])

    def test_not_able(self) -> None:
        """The node with the data takes it only if it takes instances, and has what the definition asks for."""
        here = stored("a")
        self.assertEqual(self.taken(db(), volumes={1: here}, candidates=candidates("b"), free_since={1: 0.0}), [])
        strict = db(Placement={"Constraints": ["node != a"]})
        self.assertEqual(self.taken(strict, volumes={1: here}, free_since={1: 0.0}), [])
        full = tuple(evolve(one, memory=100.0) for one in candidates("a", "b"))
        large = db(3, Container={"Memory": 50})
        volumes = {number: here for number in (1, 2, 3)}
        self.assertEqual(
            self.taken(large, volumes=volumes, candidates=full, free_since=dict.fromkeys(volumes, 0.0)), [1, 2]
        )
        fixed = db(Container=fixing(5432))
        taken = tuple(evolve(one, ports={("tcp", 5432): 1}) for one in candidates("a", "b"))
        self.assertEqual(self.taken(fixed, volumes={1: here}, candidates=taken, free_since={1: 0.0}), [])

    def test_counts_for_its_node(self) -> None:
        """While one waits for its node, the others are placed as if it was there."""
        seen: dict[str, Any] = {"volumes": {1: stored("b")}, "free_since": {1: NOW, 2: NOW}}
        made = plan(situation(db(2), candidates=candidates("a", "b"), **seen), NOW)
        self.assertEqual([s.instance for s in made.steps if isinstance(s, TakeClaim)], [SECOND])
        one = db(2, Placement={"OnePerNode": True})
        seen["volumes"] = {1: stored("a")}
        self.assertEqual(self.taken(one, **seen), [1])

    def test_one_per_node(self) -> None:
        """With OnePerNode a node that has an instance does not take a second one whose data it has as well."""
        one, ours = db(2, Placement={"OnePerNode": True}), claim(starting_record())
        seen: dict[str, Any] = {"volumes": {1: stored("a"), 2: stored("a")}, "free_since": {2: 0.0}}
        self.assertEqual(self.taken(one, claims=(ours,), **seen), [])

    def test_counts_once(self) -> None:
        """One whose data is here, and that runs here, counts once when the others are placed."""
        runs = container(of=db(3), volumes=("data",))
        seen: dict[str, Any] = {"volumes": {1: stored("a")}, "candidates": candidates("a", "b")}
        made = plan(situation(db(3), containers=(runs,), **seen), NOW)
        self.assertEqual(len([step for step in made.steps if isinstance(step, TakeClaim)]), 2)

    def test_other_volumes(self) -> None:
        """A record of volumes that the definition does not name any more ties nothing, nor does one without volumes."""
        self.assertEqual(ties(db(), {1: stored("b", "logs")}), {})
        self.assertEqual(ties(db(), {1: stored("b", "logs", "data")}), {1: "b"})
        self.assertEqual(ties(WEB_1, {1: stored("b")}), {})

    def test_unreadable(self) -> None:
        """
        An instance whose record cannot be read is claimed by nobody, unless a container with its volume runs here, as
        one that ended, one that is being stopped and one without the volume do not show.
        """
        seen: dict[str, Any] = {"volumes": {1: StoredVolumes(UNREADABLE, 20)}, "free_since": {1: 0.0}}
        self.assertEqual(self.taken(db(), **seen), [])
        self.assertEqual(self.taken(WEB_1, **seen), [1])
        runs = container(of=db(), volumes=("data",))
        for there, found in (
            (runs, [1]),
            (evolve(runs, status=Status.EXITED), []),
            (evolve(runs, volumes=("logs",)), []),
        ):
            self.assertEqual(self.taken(db(), containers=(there,), **seen), found)
        seen |= {"containers": (runs,), "candidates": candidates("a")}
        self.assertEqual(plan(situation(db(), **seen), NOW).steps[0], TakeClaim(FIRST, running_record(runs), 20))
        self.assertEqual(self.taken(db(), stopping=(runs.id,), **seen), [])

    def test_unreadable_elsewhere(self) -> None:
        """While another node has it, a container that ended here does not show where its data is."""
        ended = container(of=db(), status=Status.EXITED, volumes=("data",))
        for node, home in (("a", "a"), ("b", UNKNOWN)):
            owner = claim(starting_record(node))
            seen = situation(db(), (owner,), (ended,), volumes={1: StoredVolumes(UNREADABLE, 20)})
            self.assertEqual(homes(seen, db()), {1: home})

    def test_empty(self) -> None:
        """Its volumes are known to be empty only while nothing is written down of them and no container is here."""
        ours, ended = (claim(starting_record()),), container(of=db(), status=Status.EXITED)
        self.assertEqual(empty_volumes(situation(db(), ours), FIRST), ("data",))
        self.assertEqual(empty_volumes(situation(db(), ours, (ended,)), FIRST), ())
        self.assertEqual(empty_volumes(situation(db(), ours, volumes={1: stored("a")}), FIRST), ())

    def test_not_taken_over(self) -> None:
        """An instance that leaves its node is taken over by nobody if its data is there."""
        leaving = claim(starting_record("b", leaving=True), lease=5)
        for volumes, found in (({1: stored("b")}, False), ({}, True)):
            seen = situation(db(), (leaving,), candidates=candidates("a"), volumes=volumes, free_since={1: 0.0})
            steps = plan(seen, NOW).steps
            self.assertEqual(any(isinstance(step, TakeSuccession) for step in steps), found)


class RecordTests(PlanTestCase):
    """The owner writes down where the data is before there can be any."""

    OURS = claim(starting_record())

    def steps(self, wanted: Definition, ours: Claim = OURS, **seen: Any) -> list[type]:
        given: dict[str, Any] = {"images": IMAGES, **seen}
        return [type(step) for step in plan(situation(wanted, (ours,), **given), NOW).steps]

    def test_before_the_container(self) -> None:
        """It is written, and only then a container is created."""
        seen = situation(db(), (self.OURS,), images=IMAGES)
        self.assert_steps(seen, RecordVolumes(FIRST, VolumeRecord("a", ("data",)), FENCE, 0))
        self.assertEqual(self.steps(db(), volumes={1: stored("a")}), [CreateContainer])
        self.assertEqual(self.steps(WEB_1), [CreateContainer])

    def test_adopted(self) -> None:
        """A container that an older agent made is recorded as it runs, and nothing else is done."""
        there = container(of=db())
        seen = situation(db(), (claim(running_record(there)),), (there,))
        self.assert_steps(seen, RecordVolumes(FIRST, VolumeRecord("a", ("data",)), FENCE, 0))

    def test_changed(self) -> None:
        """Other volumes, and an end of the waiting, are written as well."""
        there = container(of=db())
        for old in (stored("a", "logs"), stored("a", overdue=True), stored("b", "logs")):
            seen = situation(db(), (claim(running_record(there)),), (there,), volumes={1: old})
            self.assert_steps(seen, RecordVolumes(FIRST, VolumeRecord("a", ("data",)), FENCE, 20))

    def test_former_definition(self) -> None:
        """
        A container of a former definition is recorded with those of its volumes that the present one names, beside
        what is written down of this node; one whose volumes are not named any more is not.
        """
        old = container(of=definition("web:2"), volumes=("data", "logs"))
        ours = claim(running_record(old))
        wanted = definition(Container={"Volumes": ["data:/data", "new:/new"]})

        def written(wanted: Definition, *volumes: StoredVolumes) -> list[VolumeRecord]:
            seen = situation(wanted, (ours,), (old,), volumes=dict(enumerate(volumes, 1)))
            return [step.record for step in plan(seen, NOW).steps if isinstance(step, RecordVolumes)]

        self.assertEqual(written(wanted), [VolumeRecord("a", ("data",))])
        self.assertEqual(written(wanted, stored("a")), [])
        self.assertEqual(written(wanted, stored("a", "data", "more")), [])
        self.assertEqual(written(wanted, stored("a", overdue=True)), [VolumeRecord("a", ("data",))])
        self.assertEqual(written(wanted, stored("b")), [])
        self.assertEqual(written(wanted, StoredVolumes(UNREADABLE, 20)), [VolumeRecord("a", ("data",))])
        self.assertEqual(written(WEB_1), [])
        self.assertEqual(written(definition(Container={"Volumes": ["other:/data"]})), [])

    def test_unreadable(self) -> None:
        """An owner overwrites a record that cannot be read if a container with the volume is here, running or not."""
        ended = container(of=db(), status=Status.EXITED, volumes=("data",))
        seen = situation(db(), (claim(running_record(ended)),), (ended,), volumes={1: StoredVolumes(UNREADABLE, 20)})
        steps = plan(seen, NOW).steps
        self.assertIn(RecordVolumes(FIRST, VolumeRecord("a", ("data",)), FENCE, 20), steps)
        self.assertTrue(any(isinstance(step, StartContainer) for step in steps))

    def test_unreadable_elsewhere(self) -> None:
        """Otherwise it makes no container, and gives the instance back, so that a person can say where the data is."""
        unknown = {1: StoredVolumes(UNREADABLE, 20)}
        self.assertEqual(self.steps(db(), volumes=unknown), [ReleaseClaim])
        old = container(of=definition("web:2"), status=Status.EXITED)
        lines = [str(step) for step in plan(situation(db(), (self.OURS,), (old,), volumes=unknown), NOW).steps]
        reason = "the record of which node has its volume cannot be read"
        self.assertIn(f"report that 1.web.myapp is starting ({reason})", lines)

    def test_started_again(self) -> None:
        """A container that is here is started without waiting for the record."""
        ended = container(of=db(), status=Status.EXITED)
        self.assertIn(StartContainer, self.steps(db(), claim(running_record(ended)), containers=(ended,)))

    def test_data_elsewhere(self) -> None:
        """An owner without the data makes no container, and gives the instance back."""
        self.assertEqual(self.steps(db(), volumes={1: stored("b")}), [ReleaseClaim])
        old = container(of=definition("web:2"), status=Status.EXITED)
        steps = plan(situation(db(), (self.OURS,), (old,), volumes={1: stored("b")}), NOW).steps
        self.assertFalse(any(isinstance(step, CreateContainer | RecordVolumes) for step in steps))
        self.assertIn("report that 1.web.myapp is starting (its volume data is on b)", [str(step) for step in steps])
        self.assertTrue(any(isinstance(step, RemoveContainer) for step in steps))

    def test_data_elsewhere_while_it_runs(self) -> None:
        """A container that runs, though the data is said to be elsewhere, is not stopped, nor out of touch released."""
        runs = container(of=db())
        for there in (runs, evolve(runs, status=Status.PAUSED)):
            steps = self.steps(db(), claim(running_record(there)), containers=(there,), volumes={1: stored("b")})
            self.assertNotIn(StopContainer, steps)
            left = evolve(runs, id="left", status=Status.EXITED, started=1.0)
            steps = self.steps(db(), claim(running_record(there)), containers=(there, left), volumes={1: stored("b")})
            self.assertNotIn(StopContainer, steps)
        out: dict[str, Any] = {"here": OUT_OF_TOUCH, "volumes": {1: stored("b")}}
        ended = evolve(runs, status=Status.EXITED)
        self.assertEqual(self.steps(db(), **out), [])
        self.assertEqual(self.steps(db(), claim(running_record(ended)), containers=(ended,), **out), [StartContainer])


class BooksTests(PlanTestCase):
    """Records of instances that no node has."""

    def overdue(self, now: float, here: str = "a", **seen: Any) -> Plan:
        given: dict[str, Any] = {"candidates": candidates("a", "c"), "free_since": {1: 0.0}, **seen}
        wanted = db(Placement={"WaitForVolume": 50})
        return plan(situation(wanted, here=evolve(HERE, node=here), volumes={1: stored("b")}, **given), now)

    def test_overdue(self) -> None:
        """After the time of the definition one node notes that the instance still waits, the next one later."""
        self.assertEqual(self.overdue(49.0), Plan((), 50.0))
        late = NoteOverdue(FIRST, VolumeRecord("b", ("data",), overdue=True), 20)
        self.assertEqual(self.overdue(50.0), Plan((late,)))
        self.assertEqual(self.overdue(50.0, here="c"), Plan((), 51.0))
        self.assertEqual(self.overdue(50.0, here="d"), Plan((), 52.0))
        self.assertEqual(self.overdue(50.0, free_since={}), Plan())

    def test_noted(self) -> None:
        """It is noted once, and not for an instance that nothing ties."""
        for seen in (stored("b", overdue=True), stored("b", "logs"), StoredVolumes(UNREADABLE, 20)):
            made = plan(situation(db(), candidates=(), volumes={1: seen}, free_since={1: 0.0}), 1000.0)
            self.assertEqual(made, Plan())

    def test_forgotten(self) -> None:
        """The records of a deleted service go: by the node with the data, or the first if that is away."""
        volumes = {1: stored("a"), 2: stored("b"), 3: stored("gone")}
        seen = situation(None, volumes=volumes, candidates=candidates("a", "b"))
        self.assert_steps(seen, ForgetVolumes(FIRST, (1, 3)))
        other = situation(None, here=evolve(HERE, node="b"), volumes=volumes, candidates=candidates("a", "b"))
        self.assert_steps(other, ForgetVolumes(SECOND, (2,)))
        self.assert_steps(situation(None, volumes=volumes, candidates=()))

    def test_scaled_down(self) -> None:
        """An instance that is not wanted at the moment keeps its record; nothing is noted of it."""
        seen = situation(db(), volumes={2: stored("b")}, candidates=(), free_since={1: NOW})
        self.assert_steps(seen)

    def test_out_of_touch(self) -> None:
        """A node without a lease writes nothing."""
        self.assert_steps(situation(None, here=evolve(HERE, lease=0), volumes={1: stored("a")}))

    def test_texts(self) -> None:
        """Each step is one line."""
        record = VolumeRecord("b", ("data",))
        steps = RecordVolumes(FIRST, record, 1, 0), NoteOverdue(FIRST, record, 1), ForgetVolumes(FIRST, (1,))
        lines = [
            "note that the volumes of 1.web.myapp are here",
            "note that 1.web.myapp still waits for b",
            "forget where the volumes of web.myapp are",
        ]
        self.assertEqual([str(step) for step in steps], lines)
        self.assertEqual({step.lanes for step in steps}, {(steps[0].lane,)})
