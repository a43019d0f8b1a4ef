"""The options of ``make bench-rollout``, and the tables and the verdict at its end."""

from __future__ import annotations

from collections import Counter
from contextlib import redirect_stderr
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.rollout import wishes
from benchmarks.rollout_report import ENOUGH, Asked, Case, Result, report

OURS, THEIRS = "ours", "theirs"
FEW, MANY = Case(2, "die"), Case(40, "ignore")
NO_ANSWER = "GET on a new connection: no answer"


def asked(sent: int, lost: int = 0, slowest: float = 0.1) -> Asked:
    return Asked(sent, 1, Counter({NO_ANSWER: lost} if lost else {}), slowest=slowest)


class ReportTests(SynchronousTestCase):
    """The tables of two contenders."""

    def setUp(self) -> None:
        self.result = Result()

    def lines(self) -> list[str]:
        return [" ".join(line.split()) for line in report(self.result, OURS, THEIRS).splitlines()]

    def test_ratio(self) -> None:
        """The medians of the seconds are compared, case by case."""
        for seconds in (4.0, 6.0, 5.0):
            self.result.add(FEW, OURS, seconds, asked(1000))
        self.result.add(FEW, THEIRS, 10.0, asked(1000, lost=5))
        lines = self.lines()
        self.assertIn("2 die ours 5.00 [4.00..6.00] 3,000 0 0.0 3 0.1 s", lines)
        self.assertIn("theirs 10.00 [10.00..10.00] 1,000 5 50.0 1 0.1 s", lines)
        self.assertIn("ratio 0.50 x", lines)

    def test_alone(self) -> None:
        """Nothing is compared with a contender that did not take part."""
        self.result.add(MANY, OURS, 4.0, asked(1000))
        self.assertIn("40 ignore ours 4.00 [4.00..4.00] 1,000 0 0.0 1 0.1 s", self.lines())
        self.assertNotIn("ratio", report(self.result, OURS, THEIRS))

    def test_met(self) -> None:
        """The goal is met if nothing is lost; the verdict states how many cases are too small to show it."""
        self.result.add(FEW, OURS, 4.0, asked(ENOUGH))
        self.assertIn("goal, no request lost: met", self.lines())
        self.result.add(MANY, OURS, 4.0, asked(ENOUGH - 1))
        self.assertIn("goal, no request lost: met; 1 of 2 cases sent less than 20,000", self.lines())

    def test_missed(self) -> None:
        """It is missed if we lose one, and not if the other contender does; the table says what was lost."""
        self.result.add(FEW, THEIRS, 4.0, asked(ENOUGH, lost=7))
        self.result.add(FEW, OURS, 4.0, asked(ENOUGH))
        self.assertIn("goal, no request lost: met", self.lines())
        self.result.add(MANY, OURS, 4.0, asked(ENOUGH, lost=2))
        self.assertIn("goal, no request lost: MISSED (40 that ignore: 2)", self.lines())
        self.assertIn(f"lost by ours: 2 {NO_ANSWER}", self.lines())
        self.assertIn(f"lost by theirs: 7 {NO_ANSWER}", self.lines())

    def test_at_rest(self) -> None:
        """The requests that were sent while nothing changed are in a table of their own."""
        for slowest in (0.2, 0.1):
            self.result.add_rest(OURS, Asked(500, 0, Counter(), 0.004, slowest))
        self.assertIn("ours 1,000 0 0 4.0 200.0", self.lines())


class WishesTests(SynchronousTestCase):
    """The command line."""

    def test_defaults(self) -> None:
        """Everything takes part once unless something is asked for."""
        told = wishes([])
        self.assertEqual(((2, 10, 40), 1, 200), (told.instances, told.rollouts, told.rate))
        self.assertEqual((("finish", "ignore", "die"), ("daprdockr", "swarm")), (told.on_term, told.teams))

    def test_asked(self) -> None:
        """Cases, rollouts and the rate may be asked for."""
        told = wishes(["--instances", "10", "--on-term", "die", "--rollouts", "20", "--rate", "1000"])
        self.assertEqual(((10,), ("die",), 20, 1000), (told.instances, told.on_term, told.rollouts, told.rate))

    def test_unknown(self) -> None:
        """Cases, contenders and numbers that cannot be are refused."""
        for words in (["--on-term", "dye"], ["--teams", "nomad"], ["--instances", "0"], ["--rollouts", "0"]):
            with redirect_stderr(StringIO()):
                self.assertRaises(SystemExit, wishes, words)
