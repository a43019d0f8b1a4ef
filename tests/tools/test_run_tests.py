"""``tools.run_tests`` counts what trial said, and runs steps side by side."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from twisted.trial.unittest import SynchronousTestCase

from tools.run_tests import Children, Lanes, Result, outcome, results
from tools.stages import Step

TRIAL = Step("unit", "a trial", [], True)
COMMAND = Step("lint", "a command", [])


class CountTests(SynchronousTestCase):
    """From a step's exit status and output to its count."""

    def assert_counts(self, step: Step, status: int, output: str, expected: str) -> None:
        self.assertEqual(expected, str(outcome(step, status, output)))

    def test_all_passed(self) -> None:
        """Each success counts, an expected failure too."""
        self.assert_counts(TRIAL, 0, "Ran 8 tests in 0.1s\n\nPASSED (successes=7)\n", "7 passed, 0 failed")
        self.assert_counts(TRIAL, 0, "PASSED (expectedFailures=1, successes=7)\n", "8 passed, 0 failed")

    def test_failures(self) -> None:
        """Failures, errors and unexpected successes are all failed tests."""
        summary = "FAILED (skips=1, failures=2, errors=3, unexpectedSuccesses=4, successes=5)\n"
        self.assert_counts(TRIAL, 1, summary, "5 passed, 9 failed, 1 skipped")

    def test_last_summary(self) -> None:
        """A line that a test prints earlier, and that looks like a summary, is none."""
        self.assert_counts(TRIAL, 0, "PASSED (successes=70)\nPASSED (successes=1)\n", "1 passed, 0 failed")

    def test_nothing_ran(self) -> None:
        """A run without a single test has failed, whatever its exit status."""
        self.assert_counts(TRIAL, 0, "Ran 0 tests in 0.000s\n\nPASSED\n", "0 passed, 1 failed")

    def test_no_summary(self) -> None:
        """A run that ended before its summary has failed."""
        self.assert_counts(TRIAL, 139, "Segmentation fault\n", "0 passed, 1 failed")

    def test_status_counts(self) -> None:
        """An exit status that no failed test explains is a failure beside the tests that passed."""
        self.assert_counts(TRIAL, 1, "PASSED (successes=3)\n", "3 passed, 1 failed")

    def test_command(self) -> None:
        """Any other command is one test, and its output says nothing."""
        self.assert_counts(COMMAND, 0, "PASSED (successes=3)\n", "1 passed, 0 failed")
        self.assert_counts(COMMAND, 2, "PASSED (successes=3)\n", "0 passed, 1 failed")


def python(title: str, code: str, lane: str = "", after: str = "") -> Step:
    return Step("stage", title, [sys.executable, "-c", code], lane=lane, after=after)


class BesideTests(SynchronousTestCase):
    """Steps that run beside others."""

    def ended(self, steps: list[Step]) -> list[Result]:
        lanes = Lanes(children := Children())
        self.addCleanup(lanes.close)
        with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
            return list(results(children, steps, lanes))

    def test_side_by_side(self) -> None:
        """A step goes on without the end of one beside it, whose result comes when it has ended, in full."""
        pipe = os.path.abspath(self.mktemp())
        waits = python(
            "waits", f"import os; os.mkfifo({pipe!r}); print(open({pipe!r}).read(), flush=True)", lane="beside"
        )
        writes = (
            f"import os, time\nwhile not os.path.exists({pipe!r}): time.sleep(0.01)\nopen({pipe!r}, 'w').write('met')"
        )
        found = self.ended([waits, python("writes", writes)])
        self.assertEqual({"waits", "writes"}, {result.step.title for result in found})
        self.assertEqual(["met\n"], [result.output for result in found if result.step is waits])

    def test_failure(self) -> None:
        """One that failed beside others has failed."""
        found = self.ended([python("fails", "raise SystemExit(3)", lane="beside"), python("passes", "pass")])
        self.assertEqual({"fails": 3, "passes": 0}, {result.step.title: result.status for result in found})
        self.assertEqual({"fails": True, "passes": False}, {result.step.title: result.has_failed for result in found})

    def test_after(self) -> None:
        """A step begins when those of the lane that it waits for have ended, whatever runs in other lanes."""
        pipe, file = os.path.abspath(self.mktemp()), os.path.abspath(self.mktemp())
        os.mkfifo(pipe)
        found = self.ended(
            [
                python("other", f"open({pipe!r}).read()", lane="b"),
                python("first", "import time; time.sleep(0.3)", lane="a"),
                python("second", f"open({file!r}, 'w').close()", lane="a"),
                python("last", f"open({file!r}); open({pipe!r}, 'w').close()", after="a"),
            ]
        )
        self.assertEqual(
            {"other": 0, "first": 0, "second": 0, "last": 0}, {one.step.title: one.status for one in found}
        )

    def test_stop(self) -> None:
        """A stop ends what runs, and what is about to start."""
        children, running = Children(), threading.Event()
        sleeps = python("sleeps", "import time; print('up', flush=True); time.sleep(60)", lane="beside")
        with ThreadPoolExecutor(2) as beside:
            first = beside.submit(children.run, sleeps.command, False)
            while not children.running:
                running.wait(0.01)
            children.stop()
            later = beside.submit(children.run, sleeps.command, False)
            self.assertEqual([143, 143], [first.result(30)[0], later.result(30)[0]])
