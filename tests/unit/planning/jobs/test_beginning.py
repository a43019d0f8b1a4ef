"""When a run begins, on which node, and what is written down when it cannot."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.stored.run import KEPT, MOST_OPEN, RunRecord, RunState
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.jobs.beginning import PAUSES
from daprdockr.planning.jobs.turns import TURN
from daprdockr.planning.plan import Plan, plan
from daprdockr.planning.run_steps import ForgetRuns, WriteRun
from daprdockr.planning.situation import Here
from daprdockr.planning.steps import Step
from tests.build.jobs import CREATED, DEFINED, REPORT, job, record, situation_of
from tests.build.situations import NOW

DONE = record(RunState.DONE, due=600)


class BeginCase(SynchronousTestCase):
    def plan(self, definition: Definition | None, *records: RunRecord, **given: Any) -> Plan:
        return plan(situation_of(definition, *records, **given), NOW)

    def written(self, *args: Any, **given: Any) -> WriteRun:
        (step,) = self.plan(*args, **given).steps
        assert isinstance(step, WriteRun)
        return step


class DueTests(BeginCase):
    """A job that is due each minute, and settled until 600."""

    def test_claimed(self) -> None:
        """A run that is due is claimed under the next number, compared with the newest record and the definition."""
        step = self.written(job(), DONE, wall=661.0)
        expected = record(RunState.CLAIMED, node="a", due=660, until=660)
        self.assertEqual(step, WriteRun(REPORT, 2, expected, after=(1, 11), defined=DEFINED))
        self.assertEqual(str(step), "note that run 2 of report.myapp is claimed")

    def test_not_due(self) -> None:
        """Before that the plan only says when it will be, by the monotonic clock."""
        self.assertEqual(self.plan(job(), DONE, wall=630.0), Plan((), NOW + 30.0))

    def test_late(self) -> None:
        """A run may begin late, as long as its window is open; older ones are missed, all in one record."""
        self.assertEqual(self.written(job(Window=300), DONE, wall=950.0).record.due, 660)
        step = self.written(job(Window=300), DONE, wall=1100.0)
        missed = record(RunState.MISSED, due=660, last=780, count=3, until=780, ended=1100.0)
        self.assertEqual(step.record, evolve(missed, reason="no node began it in time"))

    def test_turns(self) -> None:
        """Of several nodes one claims at once, and each of the others later, if nobody has by then."""
        begins = []
        for node in "abc":
            here = Here(node, lease=5, in_touch=True, cluster=1, revision=100)
            made = self.plan(job(), DONE, wall=660.0, nodes="abc", here=here)
            begins.append(NOW if made.steps else made.plan_again_at)
        self.assertEqual(sorted(begins), [NOW, NOW + TURN, NOW + 2 * TURN])

    def test_turns_to_miss(self) -> None:
        """So one notes what was missed as soon as the last of it is too late, and the others if nobody has by then."""
        begins = []
        for node in "abc":
            here = Here(node, lease=5, in_touch=True, cluster=1, revision=100)
            made = self.plan(job(Window=300), DONE, wall=1020.25, nodes="abc", here=here)
            begins.append(NOW if made.steps else made.plan_again_at)
        self.assertEqual(sorted(begins), [NOW, NOW - 0.25 + TURN, NOW - 0.25 + 2 * TURN])

    def test_nobody(self) -> None:
        """A node that may not run it claims nothing, and looks again when it is missed."""
        made = self.plan(job(), DONE, wall=670.0, nodes="b")
        self.assertEqual(made, Plan((), NOW - 10 + 300 + 1))

    def test_out_of_touch(self) -> None:
        """Without a lease that is certain nothing begins."""
        for here in (Here("a", lease=0, in_touch=True), Here("a", lease=5, in_touch=False)):
            self.assertEqual(self.plan(job(), DONE, wall=670.0, here=here), Plan())

    def test_overlap(self) -> None:
        """While another run goes on none begins, unless it may; it is missed when its window is over."""
        running = record(RunState.RUNNING, node="b", due=600)
        for wall, again in ((630.0, 30), (660.0, 300 + 1), (661.0, -1 + 300 + 1)):
            self.assertEqual(self.plan(job(), running, wall=wall), Plan((), NOW + again))
        missed = self.written(job(), running, wall=961.0)
        self.assertEqual((missed.record.state, missed.record.reason), (RunState.MISSED, "another run was under way"))
        self.assertEqual(self.written(job(Overlap=True), running, wall=661.0).record.state, RunState.CLAIMED)

    def test_joined(self) -> None:
        """Due times that are missed for the same reason as the last ones are added to their record."""
        reason = "another run was under way"
        missed = record(RunState.MISSED, due=540, last=600, count=2, ended=900.0, reason=reason)
        running = record(RunState.RUNNING, node="b", due=480)
        step = self.written(job(), running, missed, wall=961.0)
        more = evolve(missed, last=660, until=660, count=3, ended=961.0)
        self.assertEqual(step, WriteRun(REPORT, 2, more, revision=12, defined=DEFINED))
        other = self.written(job(), running, evolve(missed, reason="no node began it in time"), wall=961.0)
        self.assertEqual((other.number, other.record.due, other.record.count), (3, 660, 1))

    def test_crowded(self) -> None:
        """Where runs may overlap, no more go on than a job may have."""
        running = [record(RunState.RUNNING, node="b", due=600)] * MOST_OPEN
        step = self.written(job(Overlap=True), *running, wall=961.0)
        self.assertEqual(step.record.reason, f"{MOST_OPEN} runs were under way, or waited")

    def test_pruned(self) -> None:
        """The transaction that adds a record deletes the oldest, but none of a run that goes on."""
        records = [record(RunState.RUNNING, node="b")] + [DONE] * (KEPT + 1)
        step = self.written(job(Overlap=True), *records, wall=661.0)
        self.assertEqual((step.number, step.pruned), (KEPT + 3, (2, 3)))

    def test_many(self) -> None:
        """One transaction deletes no more records than etcd takes operations for; the next one deletes others."""
        records, oldest = [DONE] * 100, tuple(range(1, 41))
        self.assertEqual(self.written(job(), *records, wall=661.0).pruned, oldest)
        made = self.plan(None, *records, waiting_since={0: NOW})
        self.assertEqual(made.steps, (ForgetRuns(REPORT, 1, oldest),))


class AnewTests(BeginCase):
    """The time of a job begins when a node sees it first, or with another schedule."""

    def test_first(self) -> None:
        """The first record of a job says from when on it has runs."""
        step = self.written(job(), wall=630.5, waiting_since={0: NOW})
        self.assertEqual(step, WriteRun(REPORT, 1, record(RunState.SET, until=630), defined=DEFINED))
        self.assertEqual(str(step), "note from when on report.myapp has runs")

    def test_another_schedule(self) -> None:
        """Due times of a schedule that was not in force yet are not missed; nor those before the job was set anew."""
        for newest in (evolve(DONE, schedule="0 3 * * * UTC"), evolve(DONE, job=CREATED - 1)):
            step = self.written(job(), newest, wall=90_000.0, waiting_since={0: NOW})
            self.assertEqual(step.record, record(RunState.SET, until=90_000))
            self.assertEqual((step.number, step.after), (2, (1, 11)))

    def test_clock_was_wrong(self) -> None:
        """A job whose time begins in the future was set by a clock that is fast: its time begins now."""
        step = self.written(job(), record(RunState.SET, until=4230), wall=630.0)
        self.assertEqual((step.record, step.revision), (record(RunState.SET, until=630), 11))

    def test_clocks_differ(self) -> None:
        """Some seconds of difference are no wrong clock; nor is a run done again that a node with such a clock had."""
        for newest in (record(RunState.SET, until=640), evolve(DONE, until=4230)):
            self.assertEqual(self.plan(job(), newest, wall=630.0).steps, ())

    def test_once_by_one(self) -> None:
        """Of several nodes one begins it at once, and each of the others later, if nobody has by then."""
        for waited, begun in ((0, 1), (TURN, 2)):
            here = [Here(node, lease=5, in_touch=True, cluster=1, revision=100) for node in "ab"]
            given = {"wall": 630.5, "nodes": "ab", "waiting_since": {0: NOW - waited}}
            self.assertEqual(sum(len(self.plan(job(Once=True), here=one, **given).steps) for one in here), begun)

    def test_once(self) -> None:
        """A job that runs once does so for each definition, after a run that is under way."""
        definition = job(Once=True)
        text = f"once {definition.digest}"
        step = self.written(definition, wall=630.5, waiting_since={0: NOW})
        expected = record(RunState.CLAIMED, node="a", due=630, until=630, schedule=text)
        self.assertEqual(step.record, expected)
        ran = evolve(expected, state=RunState.DONE)
        self.assertEqual(self.plan(definition, ran), Plan())
        other = evolve(ran, schedule="once another")
        self.assertEqual(self.written(definition, other, waiting_since={0: NOW}).number, 2)
        self.assertEqual(self.plan(definition, evolve(other, state=RunState.RUNNING, node="b")), Plan())

    def test_deleted(self) -> None:
        """The records of a service that was deleted are deleted, by one node."""
        made = self.plan(None, DONE, record(RunState.FAILED), waiting_since={0: NOW})
        self.assertEqual(made.steps, (ForgetRuns(REPORT, 1, (1, 2)),))
        self.assertEqual(str(made.steps[0]), "forget the runs of report.myapp")
        later = self.plan(None, DONE, nodes="ab", waiting_since={0: NOW})
        first = [not made.steps for made in (later, self.plan(None, DONE, nodes="b"))]
        self.assertTrue(first[1])
        self.assertEqual(self.plan(None), Plan())


class WaitingTests(BeginCase):
    """Runs that a person asked for, and attempts that follow a failed one."""

    def claims(self, definition: Definition, *records: RunRecord, **given: Any) -> list[Step]:
        made = self.plan(definition, *records, **given).steps
        return [one for one in made if isinstance(one, WriteRun) and one.record.state is RunState.CLAIMED]

    def test_asked_for(self) -> None:
        """A run that somebody asked for is claimed at once, in the order of asking, compared with its own record."""
        asked = record(RunState.WAITING, arguments=("--all",), by="anna@desk")
        (step,) = self.claims(job(), asked, asked)
        expected = evolve(asked, state=RunState.CLAIMED, node="a")
        self.assertEqual(step, WriteRun(REPORT, 1, expected, revision=11, defined=DEFINED))
        self.assertEqual(len(self.claims(job(Overlap=True), asked, asked)), 2)

    def test_one_at_a_time(self) -> None:
        """It waits for a run that is under way, unless they may overlap."""
        running, asked = record(RunState.RUNNING, node="b"), record(RunState.WAITING)
        self.assertEqual(self.claims(job(), running, asked), [])
        self.assertEqual(len(self.claims(job(Overlap=True), running, asked)), 1)

    def test_pause(self) -> None:
        """Each attempt waits longer than the one before, and another node comes first."""
        for attempt in (2, 3):
            again = record(RunState.WAITING, attempt=attempt, node="a")
            pause = PAUSES.delay(attempt - 1, 0.0)
            for waited, nodes, begun in (
                (pause, "a", 1),
                (pause - 1, "a", 0),
                (pause, "ab", 0),
                (pause + TURN, "ab", 1),
            ):
                found = self.claims(job(), again, nodes=nodes, waiting_since={1: NOW - waited})
                self.assertEqual(len(found), begun, (attempt, waited, nodes))
