"""``tools.run_tests`` counts what trial said, and nothing else."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tools.run_tests import Step, outcome

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
