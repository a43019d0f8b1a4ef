"""Which unhealthy container is replaced now: Note [Whose turn it is]."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import Status
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.revisioned import Claim
from daprdockr.planning.attempts import LASTING, Attempts
from daprdockr.planning.claim_steps import ReleaseClaim, WriteClaim
from daprdockr.planning.container_steps import RemoveContainer, StartContainer, StopContainer
from daprdockr.planning.keeping.replacing import SELDOM, has_its_turn
from daprdockr.planning.placing.failing import fails_here
from daprdockr.planning.plan import plan
from daprdockr.planning.steps import Step
from tests.build.situations import (
    HERE,
    NOW,
    OUT_OF_TOUCH,
    candidates,
    claim,
    container,
    running_record,
    situation,
    slot,
    starting_record,
)
from tests.build.values import definition, instance

OF = definition(Instances=3, Health={"Type": "tcp", "Port": "8080", "Retries": 3})
OURS = container(of=OF)
SICK = running_record(OURS, state=State.UNHEALTHY, healthy=False, reason="nothing answers on port 8080", due=True)


def other(number: int, state: State, revision: int, **fields: Any) -> Claim:
    """Another node's claim."""
    record = ClaimRecord("b", state, healthy=state is State.RUNNING, **fields)
    return evolve(claim(record, number, lease=9), revision=revision)


def stopped(*others: Claim, record: ClaimRecord = SICK, failed: int = 3, **fields: Any) -> bool:
    """Whether our container is replaced beside these claims of others; ours has the revision 40."""
    fields = {"failed": {OURS.id: failed}, "verdicts": {OURS.id: False}, **fields}
    steps = plan(situation(OF, (claim(record), *others), (OURS,), **fields), NOW).steps
    stops = [step for step in steps if isinstance(step, StopContainer)]
    assert all(step.unhealthy for step in stops)
    return bool(stops)


class TurnTests(SynchronousTestCase):
    """``has_its_turn``, by the steps of a plan."""

    def test_alone(self) -> None:
        """One that fails beside healthy ones is replaced."""
        self.assertTrue(stopped(other(2, State.RUNNING, 50), other(3, State.RUNNING, 51)))

    def test_reported_first(self) -> None:
        """Its claim says first that it is due; until then it is not stopped: it may be the last healthy one."""
        healthy = running_record(OURS)
        self.assertFalse(stopped(record=healthy))
        seen = situation(OF, (claim(healthy),), (OURS,), failed={OURS.id: 3}, verdicts={OURS.id: False})
        (write,) = [step for step in plan(seen, NOW).steps if isinstance(step, WriteClaim)]
        self.assertEqual((write.record.state, write.record.healthy, write.record.due), (State.UNHEALTHY, False, True))

    def test_too_few(self) -> None:
        """Fewer failures than ``Retries`` take it out of names and routes, and no more."""
        for failed in (0, 1, 2):
            self.assertFalse(stopped(failed=failed))

    def test_recovered(self) -> None:
        """One that is healthy again is not stopped, whatever its claim says."""
        self.assertFalse(stopped(failed=0, verdicts={OURS.id: True}))

    def test_all_fail(self) -> None:
        """When all fail at once, the one that has waited longest is replaced, and no other."""
        self.assertTrue(stopped(other(2, State.UNHEALTHY, 50, due=True), other(3, State.UNHEALTHY, 51, due=True)))
        self.assertFalse(stopped(other(2, State.UNHEALTHY, 30, due=True), other(3, State.UNHEALTHY, 51, due=True)))

    def test_not_due(self) -> None:
        """An unhealthy one that is not to be replaced takes no turn."""
        self.assertTrue(stopped(other(2, State.UNHEALTHY, 30), other(3, State.UNHEALTHY, 31)))

    def test_one_is_coming_up(self) -> None:
        """While another one is coming up no further one is replaced."""
        for state in (State.STARTING, State.PULLING, State.WITHDRAWN):
            self.assertFalse(stopped(other(2, state, 50), other(3, State.RUNNING, 51)))

    def test_crash_loop(self) -> None:
        """One in a crash loop keeps others back as long as none is healthy; not when it leaves its node."""
        self.assertTrue(stopped(other(2, State.BACKING_OFF, 50), other(3, State.RUNNING, 51)))
        self.assertFalse(stopped(other(2, State.BACKING_OFF, 50), other(3, State.UNHEALTHY, 51)))
        self.assertTrue(stopped(other(2, State.BACKING_OFF, 50, leaving=True), other(3, State.UNHEALTHY, 51)))

    def test_overdue(self) -> None:
        """Nobody waits for one that is overdue, and it has no turn itself."""
        overdue = (other(2, State.STARTING, 30, overdue=True), other(3, State.UNHEALTHY, 31, due=True, overdue=True))
        self.assertTrue(stopped(*overdue))
        self.assertFalse(stopped(other(2, State.RUNNING, 50), record=evolve(SICK, overdue=True)))

    def test_waits_before_it_starts(self) -> None:
        """One that waits for some seconds before it is started anew is reported as starting, so it keeps its turn."""
        ended = evolve(OURS, status=Status.EXITED)
        attempts = {instance(1): Attempts(2, NOW + 5, "hangs", of=OF.digest, unhealthy=True)}
        seen = situation(OF, (claim(SICK),), (ended,), attempts=attempts)
        (write,) = [step for step in plan(seen, NOW).steps if isinstance(step, WriteClaim)]
        self.assertFalse([step for step in plan(seen, NOW).steps if isinstance(step, StartContainer)])
        self.assertEqual((write.record.state, write.record.due), (State.STARTING, False))

    def test_never_both(self) -> None:
        """By the same claims exactly one of those that wait has its turn."""
        revisions = [41, 42, 43]
        turns = 0
        for ours in revisions:
            rest = [r for r in revisions if r != ours]
            others = [other(n, State.UNHEALTHY, r, due=True) for n, r in zip((2, 3), rest, strict=True)]
            mine = evolve(claim(SICK), revision=ours)
            seen = situation(OF, (mine, *others), (OURS,), failed={OURS.id: 3}, verdicts={OURS.id: False})
            turns += any(isinstance(step, StopContainer) for step in plan(seen, NOW).steps)
        self.assertEqual(turns, 1)


KINDS = st.sampled_from(["due", "due", "sick", "well", "starting", "backing off"])
MADE: dict[str, dict[str, Any]] = {
    "due": {"state": State.UNHEALTHY, "due": True},
    "sick": {"state": State.UNHEALTHY},
    "well": {"state": State.RUNNING, "healthy": True},
    "starting": {"state": State.STARTING},
    "backing off": {"state": State.BACKING_OFF},
}


class ViewsTests(SynchronousTestCase):
    """Nodes whose knowledge has different ages: each sees all writes up to some revision, and its own ones at least."""

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(st.integers(1, 4), KINDS), min_size=4, max_size=12), st.integers(1, 3), st.data())
    def test_never_too_many(self, writes: list[tuple[int, str]], most: int, data: st.DataObject) -> None:
        """No more instances than ``Parallelism`` have their turn at once, whatever each node knows."""
        of = evolve(OF, instances=4, update=evolve(OF.update, parallelism=most))
        written = {number: revision for revision, (number, _) in enumerate(writes)}
        turns = []
        for number, own in written.items():
            seen = writes[: data.draw(st.integers(own, len(writes) - 1)) + 1]
            claims = {n: self.claim(n, kind, revision) for revision, (n, kind) in enumerate(seen)}
            view = situation(of, tuple(claims.values()), here=evolve(HERE, node=f"n{number}"))
            turns += [number] if has_its_turn(view, container(f"c{number}", number, of), of) else []
        self.assertLessEqual(len(turns), most, turns)

    def claim(self, number: int, kind: str, revision: int) -> Claim:
        record = ClaimRecord(f"n{number}", container=f"c{number}", **MADE[kind])
        return evolve(claim(record, number), revision=revision)


class SuccessorTests(SynchronousTestCase):
    """A turn where another node prepares to take the instance over."""

    def seen(self, owner: ClaimRecord, *others: Claim, ours: bool) -> list[StopContainer]:
        """Return how our sick copy is stopped, which is the owner's, or the successor's."""
        first = claim(owner) if not ours else evolve(claim(owner), lease=9)
        successor = claim(starting_record("b" if not ours else "a"), lease=9 if not ours else HERE.lease, fence=45)
        known: dict[str, Any] = {"failed": {OURS.id: 3}, "verdicts": {OURS.id: False}, "successors": {1: successor}}
        found = situation(OF, (first, *others), (OURS,), candidates=candidates("a", "b"), **known)
        return [step for step in plan(found, NOW).steps if isinstance(step, StopContainer)]

    def test_owner(self) -> None:
        """The owner's copy is left alone: its successor may be about to be healthy."""
        self.assertEqual(self.seen(evolve(SICK, leaving=True), ours=False), [])

    def test_in_turn(self) -> None:
        """The successor's is replaced in the owner's turn."""
        owner = evolve(SICK, node="b", leaving=True, container="theirs")
        self.assertEqual(len(self.seen(owner, ours=True)), 1)
        self.assertEqual(self.seen(evolve(owner, due=False), ours=True), [])
        self.assertEqual(self.seen(owner, other(2, State.STARTING, 50), ours=True), [])
        self.assertEqual(self.seen(owner, other(2, State.UNHEALTHY, 30, due=True), ours=True), [])

    def test_overdue(self) -> None:
        """One whose owner is overdue needs no turn, because others do not wait for it any more."""
        owner = evolve(SICK, node="b", leaving=True, container="theirs", overdue=True)
        self.assertEqual(len(self.seen(owner, other(2, State.STARTING, 50), ours=True)), 1)

    def test_beside_a_healthy_one(self) -> None:
        """One that is prepared for a drain, beside an owner that is healthy, needs no turn."""
        owner = evolve(running_record(OURS), node="b", leaving=True, container="theirs")
        self.assertEqual(len(self.seen(owner, other(2, State.STARTING, 50), ours=True)), 1)


class RolloutTests(SynchronousTestCase):
    """A new copy that fails in a rollout."""

    def test_new_copy(self) -> None:
        """It has a slot, and is replaced beside the old one, which is not stopped, whether it serves or is sick."""
        old = container("c0", of=definition("web:0", Instances=3), started=5.0)
        others = (other(2, State.STARTING, 50),)
        for well in (True, False):
            record = running_record(old, healthy=well, state=State.RUNNING if well else State.UNHEALTHY)
            fields: dict[str, Any] = {
                "failed": {OURS.id: 3},
                "verdicts": {OURS.id: False, old.id: well},
                "slots": {1: slot(OF)},
            }
            seen = situation(OF, (claim(record), *others), (OURS, old), **fields)
            stops = [step.container for step in plan(seen, NOW).steps if isinstance(step, StopContainer)]
            self.assertEqual(stops, [OURS.id])


class AtMostOneTests(SynchronousTestCase):
    """With ``OnPartition: stop``."""

    def setUp(self) -> None:
        self.of = definition(Instances=1, OnPartition="stop", Health={"Type": "tcp", "Port": "8080", "Retries": 3})
        self.one = container(of=self.of, on_partition="stop")
        self.record = evolve(SICK, definition=self.of.digest)

    def steps(self, one: Any, **fields: Any) -> list[Any]:
        fields = {"failed": {one.id: 3}, "verdicts": {one.id: False}, **fields}
        found = situation(self.of, (claim(self.record),), (one,), candidates=candidates("a", "b"), **fields)
        return [step for step in plan(found, NOW).steps if not isinstance(step, WriteClaim)]

    def test_in_place(self) -> None:
        """It is stopped and started where it is, by its own node, and never without etcd."""
        (stop,) = self.steps(self.one)
        self.assertTrue(isinstance(stop, StopContainer) and stop.unhealthy)
        ended = evolve(self.one, status=Status.EXITED)
        self.assertEqual([type(step) for step in self.steps(ended)], [StartContainer])
        for here in (OUT_OF_TOUCH, evolve(HERE, lease=78)):
            self.assertEqual([*self.steps(self.one, here=here), *self.steps(ended, here=here)], [])

    def test_unanswered(self) -> None:
        """While the claim may be another's, because an answer was lost, it is neither stopped nor started."""
        for one in (self.one, evolve(self.one, status=Status.EXITED)):
            kinds = {type(step) for step in self.steps(one, unanswered={1})}
            self.assertFalse(kinds & {StopContainer, StartContainer})

    def test_moves(self) -> None:
        """After ``LASTING`` times it is removed and then released, when it has ended, for another node to take."""
        attempts = {instance(1): Attempts(LASTING, NOW + 1, "hangs", of=self.of.digest, unhealthy=True)}
        self.assertEqual(self.steps(self.one, attempts=attempts), [])
        ended = evolve(self.one, status=Status.EXITED)
        self.assertEqual([type(step) for step in self.steps(ended, attempts=attempts)], [RemoveContainer])
        gone = situation(self.of, (claim(self.record),), (), candidates=candidates("a", "b"), attempts=attempts)
        self.assertEqual([type(step) for step in plan(gone, NOW).steps], [ReleaseClaim])


class DueTests(SynchronousTestCase):
    """``is_due``, by the steps of a plan."""

    def test_out_of_touch(self) -> None:
        """Without etcd nothing is replaced."""
        self.assertFalse(stopped(here=OUT_OF_TOUCH))
        self.assertFalse(stopped(here=evolve(HERE, lease=78)))

    def test_unreached(self) -> None:
        """One that nginx cannot reach is not replaced for that."""
        self.assertFalse(stopped(unreached={OURS.id: "nginx cannot reach it"}))

    def test_not_its_own_fault(self) -> None:
        """One that a person paused, or whose network was taken, fails its check, and is not replaced for that."""
        for change in ({"status": Status.PAUSED}, {"cut_off": "net"}):
            one = evolve(OURS, **change)
            seen = situation(OF, (claim(SICK),), (one,), failed={OURS.id: 3}, verdicts={OURS.id: False})
            self.assertFalse([step for step in plan(seen, NOW).steps if isinstance(step, StopContainer)])

    def test_another_definition(self) -> None:
        """An old copy is replaced by a rollout, not for its check."""
        old = container(of=definition("web:0"))
        seen = situation(OF, (claim(evolve(SICK, definition=old.definition)),), (old,), failed={old.id: 9})
        self.assertFalse([step for step in plan(seen, NOW).steps if isinstance(step, StopContainer)])

    def test_later_each_time(self) -> None:
        """After each replacement twice as many failures are needed, but not more than five minutes take."""
        most = max(3 << n for n in range(9) if OF.check.interval * (3 << n) <= SELDOM)
        for count, needed in ((0, 3), (1, 6), (2, 12), (20, most)):
            attempts = {instance(1): Attempts(count, NOW - 1, "hangs", of=OF.digest)}
            self.assertFalse(stopped(failed=needed - 1, attempts=attempts))
            self.assertTrue(stopped(failed=needed, attempts=attempts))

    def test_docker(self) -> None:
        """By the type ``docker`` the image's own HEALTHCHECK decides."""
        of = definition(Instances=1, Health={"Type": "docker"})
        for health, expected in (("unhealthy", True), ("starting", False), ("healthy", False), ("", False)):
            one = container(of=of, health=health)
            record = running_record(one, state=State.UNHEALTHY, healthy=False, due=True)
            steps: tuple[Step, ...] = plan(situation(of, (claim(record),), (one,)), NOW).steps
            self.assertEqual(any(isinstance(step, StopContainer) for step in steps), expected, health)

    def test_moves(self) -> None:
        """After ``LASTING`` replacements it fails here, though it runs; after as many starts a steady run is proof."""
        for unhealthy in (True, False):
            attempts = {instance(1): Attempts(LASTING, 0.0, "hangs", of=OF.digest, unhealthy=unhealthy)}
            seen = situation(OF, (claim(SICK),), (OURS,), attempts=attempts)
            self.assertEqual(bool(fails_here(seen, NOW)), unhealthy)
