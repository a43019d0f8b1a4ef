"""``job``: jobs and their runs as people see them, and a run that somebody asks for."""

from __future__ import annotations

import re
from typing import Any

from attrs import evolve

from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.run import KEPT, MOST_DELETED, MOST_OPEN, RunOutput, RunRecord, RunState
from daprdockr.picture.wrapped import columns
from tests.build.command_line import DefinitionCase
from tests.build.jobs import REPORT, job, record, records_in
from tests.build.values import KEYS, definition
from tests.fakes.command_line import EventfulStore, InterruptedStore, LentStore, Outcome

NAME = "report.myapp"


class JobCase(DefinitionCase):
    store: Any

    def setUp(self) -> None:
        super().setUp()
        self.store = EventfulStore()
        self.store.put(KEYS.service(REPORT), job().encode())

    def keep(self, number: int, one: RunRecord, *lines: str) -> None:
        self.store.put(KEYS.run(REPORT, number), one.encode())
        if lines:
            self.store.put(KEYS.output(REPORT, number), RunOutput(lines).encode())


class ListTests(JobCase):
    def test_jobs(self) -> None:
        """Jobs are listed with their next time and their last run; other services are not."""
        self.store.put(KEYS.service(definition().name), definition().encode())
        (row,) = self.run_line("job", "ls", "-o", "json").json
        self.assertEqual((row["Job"], row["Schedule"], row["Run"]), (NAME, "* * * * * UTC", 0))
        self.assertEqual(row["Next"] % 60, 0)
        self.keep(1, record(RunState.FAILED, due=600, node="a", reason="exit status 3", status=3))
        shown = self.run_line("job", "ls").stdout
        self.assertIn("failed", shown)
        self.assertIn("exit status 3", shown)

    def test_history(self) -> None:
        """Each run has its line: when it was due, or who asked for it, and how it ended."""
        self.keep(1, record(RunState.SET))
        self.keep(2, record(RunState.DONE, due=600, node="a", status=0, started=600.5, ended=601.5))
        self.keep(3, record(RunState.MISSED, due=660, last=720, count=2, reason="no node began it in time"))
        self.keep(4, record(RunState.WAITING, by="anna@desk", arguments=("--all",)))
        rows = self.run_line("job", "history", NAME, "-o", "json").json
        found = [(row["Run"], row["Status"], row["Count"]) for row in rows]
        self.assertEqual(found, [(2, 0, 1), (3, None, 2), (4, None, 1)])
        shown = self.run_line("job", "history", NAME).stdout
        for text in ("1970-01-01 00:10Z", "2 times to 1970-01-01 00:12Z", " by anna@desk "):
            self.assertIn(text, shown)

    def test_narrow(self) -> None:
        """A row of an ordinary job, and of an ordinary run, fits into 80 columns."""
        self.store.put(KEYS.service(REPORT), job(Cron="30 2 * * *").encode())
        due = 1_793_939_400
        self.keep(41, record(RunState.DONE, due=due, node="host1", status=0, started=due + 1.5, ended=due + 3700))
        self.keep(42, record(RunState.RUNNING, by="root@host1", node="host1", started=due + 1.5))
        for words in (("job", "ls"), ("job", "history", NAME)):
            lines = self.run_line(*words).stdout.splitlines()
            rows = [re.split("   +", line) for line in lines]
            self.assertEqual(len({len(row) for row in rows}), 1, rows)
            folded = list(columns(rows, 80))
            self.assertEqual((len(folded), max(map(len, folded)) <= 80), (len(rows), True), folded)

    def test_took(self) -> None:
        """How long a run went on has its two largest units."""
        for seconds, text in ((0.2, "0s"), (59.0, "59s"), (61.0, "1m1s"), (3600.0, "1h0m"), (90_061.0, "25h1m")):
            self.keep(2, record(RunState.DONE, due=600, node="a", status=0, started=600.0, ended=600 + seconds))
            self.assertIn(f" {text} ", self.run_line("job", "history", NAME).stdout)

    def test_logs(self) -> None:
        """The last lines of a run are those that were kept with its record."""
        self.keep(2, record(RunState.DONE), "one", "two")
        self.assertEqual(self.run_line("job", "logs", NAME, "2").stdout, "one\ntwo\n")
        self.assertEqual(self.run_line("job", "logs", NAME, "2", "-o", "json").json, ["one", "two"])
        done = self.run_line("job", "logs", NAME, "7")
        self.assertEqual(done.status, 3)
        self.assertIn("run 7 of report.myapp is not remembered", done.stderr)

    def test_last(self) -> None:
        """Without a number the lines are those of the last run."""
        done = self.run_line("job", "logs", NAME)
        self.assertEqual((done.status, done.stderr.count("\n")), (3, 1))
        self.assertIn("report.myapp had no run yet: daprdockrcmd job ls says when it is due", done.stderr)
        self.keep(9, record(RunState.DONE), "nine")
        self.keep(10, record(RunState.DONE), "ten")
        self.keep(11, record(RunState.SET))
        self.assertEqual(self.run_line("job", "logs", NAME).stdout, "ten\n")

    def test_not_ended(self) -> None:
        """A run that is under way has no last lines yet, which differs from one that ended without any."""
        self.keep(2, record(RunState.RUNNING, node="host1"))
        done = self.run_line("job", "logs", NAME)
        self.assertEqual((done.status, done.stdout), (0, ""))
        self.assertIn("run 2 of report.myapp has not ended", done.stderr)
        self.assertIn("docker logs on host1 shows what it logs", done.stderr)

    def test_behind(self) -> None:
        """A run that waits for another one names it; one that may overlap it waits for something else."""
        self.keep(2, record(RunState.RUNNING, node="host1"))
        self.keep(3, record(RunState.WAITING, by="anna@desk"))
        self.assertIn("run 3 is waiting: run 2 is under way on host1\n", self.run_line("why", NAME).stdout)
        self.assertEqual(self.run_line("job", "ls", "-o", "json").json[0]["Reason"], "run 2 is under way on host1")
        self.store.put(KEYS.service(REPORT), job(Cron="* * * * *", Overlap=True).encode())
        self.assertIn("run 3 is waiting\n", self.run_line("why", NAME).stdout)

    def test_instances(self) -> None:
        """A job has no instances, and each command that needs one leads to its runs."""
        for words in (
            ("logs", NAME),
            ("logs", "-f", NAME),
            ("logs", f"1.{NAME}"),
            ("exec", f"1.{NAME}", "--", "true"),
        ):
            done = self.run_line(*words)
            self.assertEqual(done.status, 1, words)
            self.assertEqual(
                done.stderr, "daprdockrcmd: report.myapp is a job: daprdockrcmd job logs report.myapp RUN\n"
            )

    def test_no_run(self) -> None:
        """The record with which the time of a job begins anew is no run, and logged nothing."""
        self.keep(1, record(RunState.SET))
        done = self.run_line("job", "logs", NAME, "1")
        self.assertEqual((done.status, "run 1 of report.myapp is not remembered" in done.stderr), (3, True))

    def test_before(self) -> None:
        """The runs of a command before rollouts are shown, too, but nobody can run it by hand."""
        web = definition(Before={"Cmd": ["migrate"]})
        self.store.put(KEYS.service(web.name), web.encode())
        self.assertEqual(self.run_line("job", "history", "web.myapp", "-o", "json").json, [])
        self.assertIn("web.myapp is no job", self.run_line("job", "run", "web.myapp").stderr)

    def test_no_job_any_more(self) -> None:
        """The runs of a service that was a job are shown."""
        self.store.put(KEYS.service(REPORT), evolve(job(), schedule=None, instances=1).encode())
        self.keep(2, record(RunState.DONE, due=600, node="a", status=0))
        (row,) = self.run_line("job", "history", NAME, "-o", "json").json
        self.assertEqual((row["Run"], row["State"]), (2, "done"))
        self.assertIn("is no job", self.run_line("job", "run", NAME).stderr)

    def test_usage(self) -> None:
        """Wrong words are named."""
        self.store.put(KEYS.service(definition().name), definition().encode())
        for words, status, text in (
            ((), 2, "job needs to know what to do"),
            (("run",), 2, "job run needs the name of a job"),
            (("run", "report"), 2, "service 'report' is not usable"),
            (("logs", NAME, "last"), 2, "run 'last' is not usable"),
            (("run", "none.myapp"), 3, "none.myapp does not exist"),
            (("history", "web.myapp"), 1, "web.myapp is no job"),
        ):
            done = self.run_line("job", *words)
            self.assertEqual(done.status, status, words)
            self.assertIn(text, done.stderr)


class RunTests(JobCase):
    """``job run``: the run ends when somebody watches for it."""

    def run_until(self, *words: str, number: int = 1, lines: tuple[str, ...] = (), **ended: Any) -> Outcome:
        def end() -> None:
            asked = records_in(self.store)[number]
            self.keep(number, evolve(asked, node="a", **ended), *lines)

        self.store.coming.append(end)
        return self.run_line("job", "run", NAME, *words)

    def test_done(self) -> None:
        """It asks, waits for the end, and prints what the run logged last."""
        done = self.run_until("--", "--all", "two words", state=RunState.DONE, status=0, lines=("counted 7",))
        self.assertEqual((done.status, done.stdout, done.stderr), (0, "counted 7\n", ""))
        (asked,) = records_in(self.store).values()
        self.assertEqual(asked.arguments, ("--all", "two words"))
        self.assertIn("@", asked.by)

    def test_status(self) -> None:
        """Its exit status is that of the run."""
        done = self.run_until(state=RunState.FAILED, status=7, reason="exit status 7")
        self.assertEqual((done.status, done.stdout), (7, ""))
        self.assertEqual(done.stderr, "daprdockrcmd: run 1 of report.myapp failed on a: exit status 7\n")

    def test_no_status(self) -> None:
        """A run that has none is a failure, with its reason."""
        for state, text in (
            (RunState.LOST, "is lost"),
            (RunState.FAILED, "failed"),
            (RunState.MISSED, "was not begun"),
        ):
            number = len(records_in(self.store)) + 1
            done = self.run_until(number=number, state=state, reason="node a went away")
            self.assertEqual(done.status, 1)
            self.assertIn(f"run {number} of report.myapp {text}: node a went away", done.stderr)

    def test_json(self) -> None:
        """In JSON it is the record, with its lines."""
        done = self.run_until("-o", "json", state=RunState.DONE, status=0, lines=("x",))
        self.assertEqual((done.json["State"], done.json["Lines"], done.json["Status"]), ("done", ["x"], 0))

    def test_goes_on(self) -> None:
        """It takes over from the newest record up to when due times are settled, and prunes the oldest."""
        for number in range(1, KEPT + 1):
            self.keep(number, record(RunState.DONE, until=1200), "x")
        self.run_until(number=KEPT + 1, state=RunState.DONE, status=0)
        kept = records_in(self.store)
        self.assertEqual((min(kept), max(kept)), (2, KEPT + 1))
        newest = kept[KEPT + 1]
        self.assertEqual((newest.until, newest.schedule, newest.job), (1200, "* * * * * UTC", 6))
        self.assertEqual(len(self.store.list(KEYS.outputs(REPORT)).entries), KEPT - 1)

    def test_deleted(self) -> None:
        """A record that goes away meanwhile is said."""
        self.store.coming.append(lambda: self.store.commit([], [Delete(KEYS.run(REPORT, 1))]))
        done = self.run_line("job", "run", NAME)
        self.assertEqual((done.status, done.stderr), (1, "daprdockrcmd: run 1 of report.myapp was deleted\n"))

    def test_too_many(self) -> None:
        """Nobody asks for another run while as many wait or go on as may."""
        for number in range(1, MOST_OPEN + 1):
            self.keep(number, record(RunState.WAITING))
        done = self.run_line("job", "run", NAME)
        self.assertEqual((done.status, done.stdout), (1, ""))
        self.assertIn(f"{MOST_OPEN} runs of report.myapp wait or go on, which are as many as may", done.stderr)
        self.assertEqual(len(records_in(self.store)), MOST_OPEN)

    def test_many_before(self) -> None:
        """The transaction that asks deletes the oldest records, no more than etcd takes operations for."""
        for number in range(1, 101):
            self.keep(number, record(RunState.DONE, status=0))
        self.assertEqual(self.run_until(state=RunState.DONE, status=0, number=101).status, 0)
        self.assertEqual(sorted(records_in(self.store)), list(range(1 + MOST_DELETED, 102)))


class AskedTests(JobCase):
    """Asking while others write, too."""

    def ended_soon(self, store: LentStore) -> None:
        """Lend another store, in which there is the job, too."""
        self.store = store
        store.put(KEYS.service(REPORT), job().encode())

    def test_lost_answer(self) -> None:
        """A request whose answer was lost is not made twice."""
        store = InterruptedStore()
        self.ended_soon(store)
        store.loses = 1
        commit = store.commit

        def first(conditions: Any, operations: Any) -> Any:
            try:
                return commit(conditions, operations)
            finally:
                asked = records_in(store)[1]
                self.keep(1, evolve(asked, state=RunState.DONE, status=0))

        store.commit = first  # type: ignore[method-assign]
        self.assertEqual(self.run_line("job", "run", NAME).status, 0)
        self.assertEqual(list(records_in(store)), [1])

    def test_others_first(self) -> None:
        """A command that is always too late says so."""
        store = InterruptedStore()
        self.ended_soon(store)

        def other() -> None:
            self.keep(len(records_in(store)) + 1, record(RunState.DONE))

        store.before = other
        done = self.run_line("job", "run", NAME)
        self.assertEqual(done.status, 1)
        self.assertIn("the runs of report.myapp keep changing", done.stderr)


class WhyTests(JobCase):
    """``why`` and ``status`` of a job."""

    def test_last_run(self) -> None:
        """They say how the last run ended, and where to read more."""
        self.keep(1, record(RunState.FAILED, due=600, ended=660.0, node="a", reason="exit status 3", status=3))
        why = self.run_line("why", NAME).stdout
        self.assertRegex(why, r"report.myapp is a job \(\* \* \* \* \* UTC\): it is due next at 20\d\d-.*:00Z")
        self.assertIn("run 1 failed on a, at 1970-01-01 00:11:00Z: exit status 3", why)
        self.assertIn("- read what run 1 logged: daprdockrcmd job logs report.myapp 1\n", why)
        self.assertIn("- run it now: daprdockrcmd job run report.myapp\n", why)
        self.assertNotIn("0 of 0", why)
        written = self.run_line("why", NAME, "-o", "json").json
        self.assertEqual((written["Well"], written["Job"]["Run"], written["Job"]["State"]), (False, 1, "failed"))
        status = self.run_line("status", NAME, "-o", "json").json
        self.assertIn("run 1 failed: exit status 3", str(status))

    def test_never_begun(self) -> None:
        """A run without a container has logged nothing: the reason says what is to be corrected."""
        reason = "'report:1' could not be pulled: manifest unknown"
        self.keep(1, record(RunState.FAILED, due=600, ended=660.0, node="a", reason=reason))
        why = self.run_line("why", NAME).stdout
        self.assertIn("- correct the name of the image, or the node's way to the registry (try", why)
        self.assertNotIn("job logs", why)
        self.assertIn("- run it now: daprdockrcmd job run report.myapp\n", why)

    def test_well(self) -> None:
        """A job without a run says so, and one whose last run is done needs nothing."""
        self.assertIn("\nit had no run yet\n", self.run_line("why", NAME).stdout)
        self.keep(1, record(RunState.DONE, due=600, node="a"))
        why = self.run_line("why", NAME).stdout
        self.assertIn("\nrun 1 is done on a\n", why)
        self.assertNotIn("job run", why)
        self.assertTrue(self.run_line("why", NAME, "-o", "json").json["Well"])

    def test_once(self) -> None:
        """A job that runs once, and has run, is not due; of a run that was missed there is no log to be read."""
        self.store.put(KEYS.service(job().name), job(Once=True).encode())
        self.keep(1, record(RunState.MISSED, due=600, reason="no node takes instances now"))
        why = self.run_line("why", NAME).stdout
        self.assertIn("report.myapp is a job (once): it is not due again", why)
        self.assertIn("run 1 was missed: no node takes instances now", why)
        self.assertNotIn("job logs", why)

    def test_scale(self) -> None:
        """A job cannot be scaled."""
        done = self.run_line("scale", f"{NAME}=2")
        self.assertEqual((done.status, done.stdout), (1, ""))
        self.assertIn("report.myapp is a job, which has no instances", done.stderr)
