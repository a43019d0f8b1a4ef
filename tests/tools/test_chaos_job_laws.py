"""The laws of jobs: what is a breach, and what is none."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos.job_laws import JobFacts, Record, breaches

SET: Record = {"State": "set", "Until": 0}
DONE: Record = {"State": "done", "Due": 60}
MISSED: Record = {"State": "missed", "Due": 60, "Last": 60, "Count": 1}


class JobLawsTests(SynchronousTestCase):
    """A job that is due at 60, and at 120, which is too late to be judged."""

    def found(self, *records: Record, lines: str = "") -> list[str]:
        stored: dict[str, Any] = {f"jobs/j0/{number}": one for number, one in enumerate((SET, *records), 1)}
        facts = JobFacts.read(lines, stored, window=45)
        return list(breaches(facts, 60 + 45 + 61))

    def test_kept(self) -> None:
        """A due time is begun once, or said to be missed, also with others."""
        self.assertEqual(self.found(DONE, lines="began 2.j0.jobs\nended 2.j0.jobs\n"), [])
        self.assertEqual(self.found(MISSED), [])
        self.assertEqual(self.found({**MISSED, "Due": 0, "Last": 0}, MISSED), [])
        self.assertEqual(self.found({**MISSED, "Due": 1, "Last": 120, "Count": 2}), [])
        self.assertEqual(self.found({"State": "lost", "Due": 60}, lines="began 2.j0.jobs"), [])

    def test_broken(self) -> None:
        """Each law has a breach."""
        once = "began 2.j0.jobs\nended 2.j0.jobs\n"
        for records, lines, text in (
            ((DONE,), once * 2, "run 2.j0.jobs was begun 2 times"),
            ((DONE,), f"{once}began 9.j0.jobs", "run 9.j0.jobs was begun, and has no record"),
            ((DONE,), "began 2.j0.jobs", "run 2.j0.jobs is done, and its container did not say so"),
            ((MISSED,), "began 2.j0.jobs", "run 2.j0.jobs was begun, and is told as missed"),
            ((DONE, MISSED), once, "j0.jobs at 60 is settled by 2 records"),
            (({"State": "running", "Due": 60},), "", "j0.jobs at 60 was neither begun nor told"),
        ):
            self.assertEqual(self.found(*records, lines=lines), [text])
        self.assertEqual(len(self.found()), 2)

    def test_states(self) -> None:
        """Due times that are one record are counted."""
        facts = JobFacts.read("", {"a/runs/jobs/j0/1": {**MISSED, "Count": 3}, "a/runs/jobs/j0/2": DONE}, 45)
        self.assertEqual(facts.states, {"done": 1, "missed": 3})
