"""The planner about rollouts that fail: what counts as a failure, who ends it how, and when one has ended well."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import Status
from daprdockr.model.stored.history import Revision, RevisionRecord, Revisions
from daprdockr.model.stored.revisioned import Service, StoppedRollout
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.wanted.health import Health
from daprdockr.planning.attempts import STEADY, Attempts, Failure
from daprdockr.planning.keeping.judging import former, has_failed, stopped_record
from daprdockr.planning.plan import Plan, plan
from daprdockr.planning.rollout_steps import MarkGood, OnRollout, StopRollout, TakeSlot
from daprdockr.planning.situation import Situation
from tests.build.plans import FIRST, OURS, RUNNING, SECOND, PlanTestCase
from tests.build.situations import (
    DEFINED,
    NOW,
    OUT_OF_TOUCH,
    WEB_1,
    WEB_2,
    changed,
    claim,
    container,
    running_record,
    situation,
    slot,
)
from tests.build.values import WEB, definition

DIED = Attempts(1, NOW, "exit status 3", of=WEB_2.digest, last=Failure(at=NOW - 1, lived=1))
NEW = container("new", of=WEB_2, status=Status.EXITED)
STOP = StopRollout(WEB, DEFINED, FIRST, "exit status 3", reverts=True)


def seen(*more: Any, of: Any = WEB_2, **fields: Any) -> Situation:
    given = {"goes_on": True, "slots": {1: slot(of)}, "attempts": {FIRST: evolve(DIED, of=of.digest)}, **fields}
    return situation(of, (OURS,), (RUNNING, *more), **given)


def stops(found: Situation) -> list[OnRollout]:
    return [step for step in plan(found, NOW).steps if isinstance(step, OnRollout)]


def stopped(state: RolloutState, before: str = "", to: str = WEB_2.digest) -> StoppedRollout:
    return StoppedRollout(RolloutRecord(state, before, to), 44)


class JudgeTests(PlanTestCase):
    """``judge_rollout``, in plans."""

    def test_died(self) -> None:
        """A new container that ended soon after its start ends the rollout, before it is started again."""
        self.assertEqual(plan(seen(NEW), NOW).steps[0], STOP)

    def test_no_rollout(self) -> None:
        """Without a rollout, out of touch, and for a failure from before it, nothing is ended."""
        for fields in ({"goes_on": False}, {"here": OUT_OF_TOUCH}, {"since": NOW}):
            self.assertEqual(stops(seen(NEW, **fields)), [], fields)

    def test_another_generation(self) -> None:
        """The failures of the old container are not those of the new one."""
        attempts = {FIRST: evolve(DIED, of=WEB_1.digest)}
        self.assertEqual(stops(seen(attempts=attempts)), [])

    def test_not_ours(self) -> None:
        """Nor are those of an instance that is another node's, one of a former lease's, or not wanted."""
        self.assertEqual(stops(seen(NEW)), [STOP])
        theirs = claim(evolve(running_record(RUNNING), node="b"))
        for other in (evolve(theirs, lease=99), theirs, evolve(OURS, lease=76)):
            self.assertEqual(stops(changed(seen(NEW), claims={1: other})), [])
        second = {"claims": {2: evolve(OURS, instance=SECOND)}, "containers": {}}
        self.assertEqual(stops(changed(seen(attempts={SECOND: DIED}), **second)), [])

    def test_on_failure(self) -> None:
        """With ``OnFailure`` of pause nothing is put back."""
        wanted = definition("web:2", Update={"OnFailure": "pause"})
        self.assertEqual(stops(seen(of=wanted)), [evolve(STOP, reverts=False)])

    def test_once(self) -> None:
        """A definition that was put back is not reverted again, and a rollout that waits for a person is left alone."""
        for before, to in ((WEB_2.digest, "other"), ("other", WEB_2.digest)):
            record = stopped(RolloutState.REVERTED, before, to)
            self.assertEqual(stops(seen(record=record)), [evolve(STOP, reverts=False, record=44)])
        for state in (RolloutState.PAUSED, RolloutState.FAILED):
            self.assertEqual(stops(seen(record=stopped(state))), [])
            for before in ("", WEB_2.digest):
                older = stopped(state, before, to="older")
                self.assertEqual(stops(seen(record=older)), [evolve(STOP, record=44)])

    def test_no_slot_while_stopped(self) -> None:
        """While a rollout waits for a person no instance takes a slot."""
        for record, taken in ((stopped(RolloutState.PAUSED), False), (None, True)):
            found = plan(seen(slots={}, attempts={}, record=record), NOW).steps
            self.assertEqual([isinstance(step, TakeSlot) for step in found], [True] * taken)

    def test_image(self) -> None:
        """A registry that answers that it has no image ends the rollout; one that does not answer does not."""
        for refused in (True, False):
            pull = Attempts(1, NOW + 1, "no", last=Failure(at=NOW, refused=refused))
            found = seen(attempts={}, images={}, pulls={"web:2": pull})
            self.assertEqual(stops(found), [evolve(STOP, reason="no")] * refused)
            self.assertEqual(stops(changed(found, since=NOW + 0.5)), [])
            changes = claim(running_record(container("new", of=WEB_2)))
            self.assertEqual(stops(changed(found, claims={1: changes})), [])

    def test_deadline(self) -> None:
        """A new container that is not proven when the deadline is over ends the rollout, with what is wrong with it."""
        new, deadline = evolve(NEW, status=Status.RUNNING), WEB_2.update.deadline + WEB_2.update.min_healthy
        waiting = seen(new, attempts={}, held_since={1: NOW - deadline + 7})
        self.assertEqual((stops(waiting), plan(waiting, NOW).plan_again_at), ([], NOW + 7))
        late: dict[str, Any] = {"attempts": {}, "held_since": {1: NOW - deadline}}
        (found,) = stops(seen(new, **late))
        assert isinstance(found, StopRollout)
        self.assertEqual(found.reason, "not healthy within 300 s: it was not healthy for 5 s without a break")
        ended = evolve(NEW, id="ended")
        self.assertEqual(stops(seen(new, ended, well_since={"new": NOW - 5}, **late)), [])
        for copy, well in ((new, "c1"), (NEW, "new")):
            self.assertEqual(len(stops(seen(copy, well_since={well: 0.0}, **late))), 1)
        for slots in ({}, {1: slot(WEB_1)}):
            self.assertEqual(stops(seen(new, slots=slots, **late)), [])
        checked = evolve(WEB_2, health=Health("exec", command=("true",)))
        (found,) = stops(changed(seen(new, **late), service=Service(checked, DEFINED, DEFINED)))
        assert isinstance(found, StopRollout)
        self.assertEqual(found.reason, "not healthy within 300 s: the command true fails")
        (found,) = stops(seen(NEW, **late))
        assert isinstance(found, StopRollout)
        self.assertEqual(found.reason, "not healthy within 300 s: its container does not run")

    def test_ended_well(self) -> None:
        """A definition is noted as good by the node that has to, as soon as the rollout has ended well."""
        given: dict[str, Any] = {"unmarked": True, "slots": {}, "attempts": {}, "goes_on": False}
        self.assertEqual(stops(seen(of=WEB_1, settles_at=NOW, **given)), [MarkGood(WEB, DEFINED)])
        self.assertEqual(plan(seen(of=WEB_1, settles_at=NOW + 3, **given), NOW), Plan((), NOW + 3))
        self.assertEqual(stops(seen(of=WEB_1, **given)), [])


class FailureTests(SynchronousTestCase):
    """``has_failed``."""

    def failed(self, attempts: Attempts, **update: Any) -> bool:
        return has_failed(attempts, definition("web:2", Update=update), NOW - 50)

    def test_deaths(self) -> None:
        """An early death counts, unless it may be a kill from outside and is the first one."""
        for count, lived, killed, failed in (
            (1, 1, False, True),
            (1, STEADY, False, False),
            (1, 1, True, False),
            (2, 1, True, True),
        ):
            last = Failure(NOW, lived, killed)
            self.assertEqual(self.failed(Attempts(count, last=last)), failed, last)

    def test_replaced(self) -> None:
        """A container that is replaced because its check fails fails as soon as another attempt is in vain."""
        for count, failed in ((1, False), (2, False), (3, True)):
            self.assertEqual(self.failed(Attempts(count, unhealthy=True, last=Failure(NOW))), failed)

    def test_long_proof(self) -> None:
        """A container that has to be healthy for longer has more time to fail."""
        self.assertTrue(self.failed(Attempts(1, last=Failure(NOW, 50)), MinHealthy=30))
        self.assertTrue(self.failed(Attempts(1, last=Failure(NOW, STEADY - 1)), MinHealthy=1))

    def test_starts(self) -> None:
        """A container that does not start fails as soon as another attempt is in vain."""
        for count, starts, failed in ((1, 1, False), (2, 2, False), (3, 3, True), (3, 1, True)):
            self.assertEqual(self.failed(Attempts(count, starts=starts, last=Failure(NOW))), failed)


class BackTests(SynchronousTestCase):
    """``former`` and ``stopped_record``."""

    def history(self, *given: tuple[str, bool]) -> Revisions:
        records = (RevisionRecord(definition(image), good=good) for image, good in given)
        return Revisions(WEB, tuple(Revision(number, record, 9) for number, record in enumerate(records, 1)))

    def test_former(self) -> None:
        """The newest good revision with another container is the one to go back to."""
        history = self.history(("web:0", True), ("web:1", True), ("web:3", False), ("web:2", True))
        found = former(history, WEB_2)
        self.assertEqual(found and found.number, 2)
        self.assertIsNone(former(self.history(("web:1", False), ("web:2", True)), WEB_2))

    def test_former_with_stored_values(self) -> None:
        """With secrets there is none if the present one was good itself; another good one does not matter for that."""
        wanted = definition("web:2", Secrets=[{"Name": "x"}])
        self.assertIsNone(former(Revisions(WEB, ()), wanted))
        first = Revision(1, RevisionRecord(WEB_1, good=True), 9)
        for newest, good, found in ((wanted, True, None), (wanted, False, 1), (definition("web:3"), True, 2)):
            history = Revisions(WEB, (first, Revision(2, RevisionRecord(newest, good=good), 9)))
            back = former(history, wanted)
            self.assertEqual(back and back.number, found)

    def test_record(self) -> None:
        """The record says what became of the rollout and, if nothing was put back, why."""
        back = former(self.history(("web:1", True)), WEB_2)
        paused = definition("web:2", Update={"OnFailure": "pause"})
        for step, of, to, state, more in (
            (STOP, WEB_2, back, RolloutState.REVERTED, ""),
            (STOP, WEB_2, None, RolloutState.FAILED, " (no other revision is known to be good)"),
            (evolve(STOP, reverts=False), paused, None, RolloutState.PAUSED, ""),
            (evolve(STOP, reverts=False), WEB_2, None, RolloutState.FAILED, " (it was reverted once, ...)"),
        ):
            record = stopped_record(step, of, to, "a")
            self.assertEqual((record.state, record.to, record.node), (state, of.digest, "a"))
            self.assertEqual(record.before, WEB_1.digest if to is not None else "")
            self.assertTrue(record.reason.startswith("exit status 3" + more.partition(",")[0]), record)
