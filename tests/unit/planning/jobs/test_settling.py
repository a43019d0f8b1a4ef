"""Runs whose node is away, and runs that would carry out another definition than the one they began for."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.stored.run import RunRecord, RunState
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.jobs.settling import AWAY
from daprdockr.planning.jobs.turns import LATEST, TURN
from daprdockr.planning.plan import Plan, plan
from daprdockr.planning.run_steps import WriteRun
from tests.build.jobs import DEFINED, REPORT, job, record, situation_of
from tests.build.situations import NOW


class WrittenOffTests(SynchronousTestCase):
    """Runs whose node is away."""

    def away(self, one: RunRecord, seconds: float = AWAY, **schedule: Any) -> Plan:
        return plan(situation_of(job(**schedule), one, away_since={1: NOW - seconds}), NOW)

    def test_lost(self) -> None:
        """A run that had begun is lost, after a while in which an agent may be started again."""
        running = record(RunState.RUNNING, node="b", due=600, container="c1")
        self.assertEqual(self.away(running, AWAY - 1), Plan((), NOW + 1))
        (step,) = self.away(running).steps
        assert isinstance(step, WriteRun)
        reason = "node b went away, so nobody knows how it ended"
        self.assertEqual(step.record, evolve(running, state=RunState.LOST, ended=630.0, reason=reason))

    def test_tried_again(self) -> None:
        """With retries left it waits for another attempt, which no container belongs to."""
        running = record(RunState.RUNNING, node="b", due=600, container="c1")
        (step,) = self.away(running, Retries=1).steps
        assert isinstance(step, WriteRun)
        expected = evolve(running, state=RunState.WAITING, attempt=2, container="")
        reason = "attempt 1 on b: node b went away, so nobody knows how it ended"
        self.assertEqual(step.record, evolve(expected, reason=reason))

    def test_not_begun(self) -> None:
        """A run that was only claimed is handed on, as the same attempt, or missed when its window is over."""
        claimed = record(RunState.CLAIMED, node="b", due=600)
        (step,) = self.away(claimed).steps
        assert isinstance(step, WriteRun)
        self.assertEqual(
            step.record, evolve(claimed, state=RunState.WAITING, reason="node b went away before it began")
        )
        (step,) = self.away(claimed, Window=20).steps
        assert isinstance(step, WriteRun)
        missed = evolve(claimed, state=RunState.MISSED, last=600, count=1, ended=630.0)
        self.assertEqual(step.record, evolve(missed, reason="node b went away before it began"))

    def test_not_begun_again(self) -> None:
        """Another attempt of a run that had begun is handed on, whatever its window is: it is not missed."""
        claimed = record(RunState.CLAIMED, node="b", due=600, attempt=2)
        (step,) = self.away(claimed, Window=20, Retries=1).steps
        assert isinstance(step, WriteRun)
        self.assertEqual((step.record.state, step.record.attempt), (RunState.WAITING, 2))

    def test_ended(self) -> None:
        """A run that has ended is not touched, though its node is remembered as away."""
        self.assertEqual(self.away(record(RunState.DONE, node="b")).steps, ())

    def test_forgotten(self) -> None:
        """One whose record is gone is not, either."""
        ended = record(RunState.DONE, node="b")
        self.assertEqual(plan(situation_of(job(), ended, away_since={9: NOW - AWAY}), NOW).steps, ())


class AnotherDefinitionTests(SynchronousTestCase):
    """Note [Another definition]."""

    def written(self, definition: Definition, *records: RunRecord, **given: Any) -> WriteRun:
        step, *_ = plan(situation_of(definition, *records, **given), NOW).steps
        assert isinstance(step, WriteRun)
        return step

    def test_waits(self) -> None:
        """A run that waits for its next attempt has failed then; one that never began is missed."""
        waits = record(RunState.WAITING, due=600, attempt=2, node="a", schedule="0 3 * * * UTC", reason="exit status 3")
        reason = "exit status 3; the definition changed before it was tried again"
        failed = evolve(waits, state=RunState.FAILED, ended=630.0, reason=reason)
        step = self.written(job(), waits, waiting_since={1: NOW})
        self.assertEqual(step, WriteRun(REPORT, 1, failed, revision=11, defined=DEFINED))
        missed = self.written(job(), evolve(waits, attempt=1), waiting_since={1: NOW})
        self.assertEqual((missed.record.state, missed.record.count), (RunState.MISSED, 1))

    def test_under_way(self) -> None:
        """A run that has begun, or ended, stays as it is, though another definition came, or its window is over."""
        for state in (RunState.RUNNING, RunState.CLAIMED, RunState.DONE):
            for schedule in ("0 3 * * * UTC", "* * * * * UTC"):
                other = record(state, due=600, node="b", container="c1", schedule=schedule)
                made = plan(situation_of(job(Window=20), other, waiting_since={1: NOW - 60}), NOW)
                self.assertEqual([s for s in made.steps if isinstance(s, WriteRun) and s.number == 1], [])

    def test_no_job(self) -> None:
        """It ends, too, where the service is no job any more, and by whichever node is left, cordoned or not."""
        waits = record(RunState.WAITING, due=600)
        plain = Definition.read({"Name": "report", "Group": "myapp", "Container": {"Image": "web:1"}, "Instances": 0})
        self.assertEqual(self.written(plain, waits, waiting_since={1: NOW}).record.state, RunState.MISSED)
        seen = situation_of(plain, waits, nodes="", waiting_since={1: NOW})
        self.assertEqual(plan(seen, NOW), Plan((), NOW + LATEST * TURN))


class NobodyTests(SynchronousTestCase):
    """Note [Nobody may run it]."""

    def test_asked_for(self) -> None:
        """A run that a person asked for, and no node may carry out, is missed after the window, with the reason."""
        nowhere = Definition.read({**job(Window=60).write(), "Placement": {"Constraints": ["zone == x"]}})
        asked = record(RunState.WAITING, by="anna@desk")
        seen = situation_of(nowhere, asked, stuck_since={1: NOW - 59})
        self.assertEqual(plan(seen, NOW).steps, ())
        (step,) = plan(situation_of(nowhere, asked, stuck_since={1: NOW - 60}), NOW).steps
        missed = evolve(asked, state=RunState.MISSED, ended=630.0, reason="no node meets zone == x")
        self.assertEqual(step, WriteRun(REPORT, 1, missed, revision=11))

    def test_late_after_all(self) -> None:
        """One that was due, and lost its node before it began, is missed after its window, and begins nowhere then."""
        nowhere = Definition.read({**job(Window=20).write(), "Placement": {"Constraints": ["zone == x"]}})
        for wanted, reason in ((nowhere, "no node meets zone == x"), (job(Window=20), "no node began it in time")):
            waits = record(RunState.WAITING, node="b", due=600, reason="node b went away before it began")
            step, *others = plan(situation_of(wanted, waits, waiting_since={1: NOW - 60}), NOW).steps
            missed = evolve(waits, state=RunState.MISSED, last=600, count=1, ended=630.0, reason=reason)
            self.assertEqual((step, others), (WriteRun(REPORT, 1, missed, revision=11), []))
        made = plan(situation_of(job(Window=40), waits, waiting_since={1: NOW - 60}), NOW)
        self.assertEqual([s.record.state for s in made.steps if isinstance(s, WriteRun)], [RunState.CLAIMED])
        again = evolve(waits, attempt=2)
        made = plan(situation_of(job(Window=20, Retries=1), again, waiting_since={1: NOW - 60}), NOW)
        self.assertEqual([s.record.state for s in made.steps if isinstance(s, WriteRun)], [RunState.CLAIMED])

    def test_due(self) -> None:
        """Of one that was due the reason is the same."""
        nowhere = Definition.read({**job(Window=60).write(), "Placement": {"Constraints": ["zone == x"]}})
        (step,) = plan(situation_of(nowhere, record(RunState.DONE), wall=721.0), NOW).steps
        assert isinstance(step, WriteRun)
        self.assertEqual(step.record.reason, "no node meets zone == x")
