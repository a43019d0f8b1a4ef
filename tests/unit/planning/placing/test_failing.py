"""Instances that do not come up: of which copy a failure is."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import ContainerState, Status
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.revisioned import StoredVolumes
from daprdockr.model.stored.volume import VolumeRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.health import Health
from daprdockr.planning.attempts import LASTING, STEADY, Attempts
from daprdockr.planning.candidates import Candidate
from daprdockr.planning.claim_steps import DropSuccession, GiveUpSuccession, WriteClaim
from daprdockr.planning.container_steps import CreateContainer
from daprdockr.planning.lanes import Lane
from daprdockr.planning.placing.failing import brought_up, failing_now, fails_here, gives_up, is_released
from daprdockr.planning.plan import Plan, plan
from tests.build.situations import (
    NOW,
    WEB_1,
    WEB_2,
    candidates,
    claim,
    container,
    running_record,
    situation,
    starting_record,
)
from tests.build.values import definition, instance

FIRST = instance(1)
RUNNING, OLD = container(), container("old", of=WEB_2)
OURS = claim(running_record(RUNNING))


class FailingCopyTests(SynchronousTestCase):
    """Of which copy a failure is: the instance is given up for failures of the present definition's."""

    def fails(
        self, of: ContainerState, *running: ContainerState, since: float = STEADY, unhealthy: bool = False
    ) -> bool:
        lane = Lane("container", FIRST, of.definition)
        attempts = {lane: Attempts(LASTING, NOW, "died", of=of.definition, unhealthy=unhealthy)}
        seen = situation(claims=(OURS,), containers=running, attempts=attempts)
        return fails_here(seen, NOW + since) == [FIRST]

    def test_present(self) -> None:
        """That the old copy runs on does not make up for failures of the new one; only a steady run of that does."""
        self.assertTrue(self.fails(RUNNING, OLD))
        self.assertFalse(self.fails(RUNNING, OLD, RUNNING))
        self.assertTrue(self.fails(RUNNING, OLD, RUNNING, since=STEADY - 1))
        self.assertTrue(self.fails(RUNNING, OLD, evolve(RUNNING, status=Status.EXITED)))

    def test_unhealthy(self) -> None:
        """Of one that was replaced because it was unhealthy it does not matter that it runs."""
        self.assertTrue(self.fails(RUNNING, RUNNING, unhealthy=True))

    def test_old(self) -> None:
        """Failures of the old copy do not count against the instance."""
        self.assertFalse(self.fails(OLD))

    def test_pull(self) -> None:
        """If the image cannot be pulled none of the wanted instances comes up here, whether it is ours or not."""
        for count, failing in ((LASTING, [FIRST, instance(2)]), (LASTING - 1, [])):
            pulls = {"web:1": Attempts(count, NOW, "manifest unknown")}
            seen = situation(definition(instances=2), (OURS,), pulls=pulls)
            self.assertEqual((fails_here(seen, NOW), failing_now(seen, NOW)), (failing, {"a"} if failing else set()))


class GivesUpTests(SynchronousTestCase):
    """``gives_up``: whether the owner wants another node to try."""

    def gives(self, of: Definition = WEB_1, nodes: str = "ab", count: int = LASTING, **fields: Any) -> bool:
        """Whether node ``a`` gives its instance up, of which no container has come up so often."""
        attempts = {FIRST: Attempts(count, NOW, "died", of=of.digest)}
        known: dict[str, Any] = {"claims": (OURS,), "candidates": candidates(*nodes), "attempts": attempts, **fields}
        return gives_up(situation(of, **known), OURS, NOW)

    def test_failed(self) -> None:
        """It does when that failed often enough, and there is another node."""
        self.assertTrue(self.gives())
        self.assertFalse(self.gives(count=LASTING - 1))
        self.assertFalse(self.gives(nodes="a"))
        self.assertFalse(gives_up(situation(None, (OURS,)), OURS, NOW))

    def test_fails_elsewhere(self) -> None:
        """Not if the service fails on all the others, by their records or their claims."""
        failing = evolve(Candidate("b", {}, 0), fails=frozenset({str(WEB_1.name)}))
        self.assertFalse(self.gives(candidates=(*candidates("a"), failing)))
        self.assertTrue(self.gives(candidates=(*candidates("a", "c"), failing)))
        theirs = claim(starting_record("b", state=State.BACKING_OFF), 2)
        self.assertFalse(self.gives(definition(instances=2), claims=(OURS, theirs)))

    def test_prepared(self) -> None:
        """While a successor tries it goes on giving up, unless that one fails as well."""
        taken = {1: claim(starting_record("b"), fence=45)}
        self.assertTrue(self.gives(nodes="a", successors=taken))
        failing = evolve(Candidate("b", {}, 0), fails=frozenset({str(WEB_1.name)}))
        self.assertFalse(self.gives(candidates=(*candidates("a", "c"), failing), successors=taken))

    def test_at_most_one(self) -> None:
        """One of which there may be one copy is not given up while that runs; others are."""
        for of, given_up in ((definition(OnPartition="stop"), False), (WEB_1, True)):
            runs, ended = container("x", of=of), container("y", of=of, status=Status.EXITED)
            sick = {FIRST: Attempts(LASTING, NOW, "sick", of=of.digest, unhealthy=True)}
            self.assertEqual(self.gives(of, containers=(runs, ended), attempts=sick), given_up)
            self.assertTrue(self.gives(of, containers=(ended,)))

    def test_released(self) -> None:
        """Such a one leaves by being released; so does one that has no data here yet, and no other."""
        data = definition(Container={"Volumes": ["data:/data"]})
        here = {1: StoredVolumes(VolumeRecord("a", ("data",)), 9)}
        for of, volumes, released in (
            (WEB_1, {}, False),
            (definition(OnPartition="stop"), {}, True),
            (data, {}, True),
            (data, here, False),
        ):
            self.assertEqual(is_released(situation(of, (OURS,), volumes=volumes), FIRST), released)
        self.assertFalse(is_released(situation(None, (OURS,)), FIRST))


CHECKED = evolve(WEB_1, health=Health("tcp", port=8080))
LATER = NOW + 1000
TIME = WEB_1.update.deadline + WEB_1.update.min_healthy
LATE = {"coming_up": {1: LATER - TIME}}


class BroughtUpTests(SynchronousTestCase):
    """``brought_up``: what others may wait for."""

    def of(self, successor: str = "", **fields: Any) -> list[int]:
        taken = {1: claim(starting_record(successor))} if successor else {}
        return list(brought_up("a", {1: claim(ClaimRecord("a", **fields))}, taken))

    def test_owner(self) -> None:
        """An own instance that is about to start, in a crash loop too; not one that is healthy, or only ill."""
        coming = (State.STARTING, State.PULLING, State.BACKING_OFF)
        self.assertEqual([state for state in State if self.of(state=state)], list(coming))
        self.assertEqual(self.of(state=State.UNHEALTHY, due=True), [])
        self.assertEqual(self.of(state=State.STARTING, healthy=True), [])

    def test_successor(self) -> None:
        """One that this node prepares, and an own one that is due, whose turn a successor elsewhere has."""
        self.assertEqual(self.of("a", state=State.RUNNING, healthy=True), [1])
        self.assertEqual(self.of("b", state=State.RUNNING, healthy=True, leaving=True), [])
        self.assertEqual(self.of("b", state=State.UNHEALTHY, leaving=True), [])
        self.assertEqual(self.of("b", state=State.UNHEALTHY, due=True), [1])

    def test_another_node(self) -> None:
        """Not what another node brings up."""
        self.assertEqual(list(brought_up("b", {1: claim(starting_record("a"))}, {2: claim(starting_record("c"))})), [])


class OverdueTests(SynchronousTestCase):
    """Note [Neither up nor failed]."""

    def owner(self, **fields: Any) -> list[WriteClaim]:
        seen = situation(claims=(claim(starting_record("a")),), containers=(RUNNING,), service=CHECKED, **fields)
        return [step for step in plan(seen, LATER).steps if isinstance(step, WriteClaim)]

    def test_owner(self) -> None:
        """The owner says so when its time is over, and not before."""
        self.assertEqual(self.owner(coming_up={1: LATER - TIME + 1}), [])
        self.assertEqual([step.record.overdue for step in self.owner(**LATE)], [True])

    def test_plans_again(self) -> None:
        """The owner is planned again when its time is over, and not for that once it is."""
        for since, again in ((LATER - TIME + 1, LATER + 1), (LATER - TIME, None)):
            seen = situation(CHECKED, (claim(starting_record("a")),), (RUNNING,), coming_up={1: since})
            self.assertEqual(plan(seen, LATER).plan_again_at, again)

    def successor(self, *nodes: str, **fields: Any) -> Plan:
        owner = evolve(claim(evolve(running_record(RUNNING), node="b", container="theirs", leaving=True)), lease=9)
        known: dict[str, Any] = {"successors": {1: claim(starting_record("a"), fence=45)}, **fields}
        return plan(situation(claims=(owner,), candidates=candidates(*nodes), **known), LATER)

    def test_successor(self) -> None:
        """A successor gives up when its time is over; the plan is made anew at that time."""
        early = self.successor("a", "b", coming_up={1: LATER - TIME + 7})
        self.assertEqual(early.plan_again_at, LATER + 7)
        self.assertFalse(any(isinstance(step, GiveUpSuccession | DropSuccession) for step in early.steps))
        (step,) = [step for step in self.successor("a", "b", **LATE).steps if isinstance(step, GiveUpSuccession)]
        self.assertEqual((step.fence, step.generation), (45, WEB_1.digest))
        self.assertEqual(step.reason, "not healthy within 300 s: its container does not run")
        steps = self.successor("a", "b", **LATE).steps
        self.assertFalse(any(isinstance(step, CreateContainer) for step in steps))

    def test_successor_fails(self) -> None:
        """One that fails drops out, with nothing to tell: its failures say why."""
        failed = {FIRST: Attempts(LASTING, LATER, "died", of=WEB_1.digest)}
        steps = self.successor("a", "b", attempts=failed).steps
        self.assertEqual([type(step) for step in steps], [DropSuccession])

    def test_definition_changed(self) -> None:
        """A definition that was stored meanwhile has the whole time."""
        for since, given_up in ((LATER - TIME + 1, False), (LATER - TIME, True)):
            steps = self.successor("a", "b", since=since, **LATE).steps
            self.assertEqual(any(isinstance(step, GiveUpSuccession) for step in steps), given_up)

    def test_drained(self) -> None:
        """From a node that is drained the last one that may take it goes on trying."""
        for nodes, given_up in ((("a",), False), (("a", "c"), True)):
            steps = self.successor(*nodes, **LATE).steps
            self.assertEqual(any(isinstance(step, GiveUpSuccession) for step in steps), given_up)
