"""The table and the verdicts of ``make bench-converge``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.figures import Figures
from benchmarks.report import DAPRDOCKR, DOCKER_RUN, KILLED, SWARM, aligned, judged, report, verdicts


def figures_of(*measured: tuple[str, str, float]) -> Figures:
    figures = Figures()
    for column, row, seconds in measured:
        figures.add(column, {row: seconds})
    return figures


class TableTests(SynchronousTestCase):
    """How it looks."""

    def test_aligned(self) -> None:
        """The first column stands to the left, numbers to the right."""
        self.assertEqual(["a   10  x", "bc   2  y"], aligned([["a", "10", "x"], ["bc", "2", "y"]]))

    def test_nothing_measured(self) -> None:
        """A run that measured nothing still has its table, without figures and verdicts."""
        self.assertIn(DAPRDOCKR, report(Figures()))
        self.assertEqual([], verdicts(Figures()))

    def test_ratios(self) -> None:
        """Ours stands beside both peers where both were measured."""
        figures = figures_of(("10", DAPRDOCKR, 3.0), ("10", DOCKER_RUN, 2.0), ("10", SWARM, 6.0))
        lines = report(figures).splitlines()
        self.assertIn(["daprdockr", "/", "docker", "run", "-", "1.50", "x", "-", "-"], [line.split() for line in lines])
        self.assertIn(["daprdockr", "/", "Swarm", "-", "0.50", "x", "-", "-"], [line.split() for line in lines])

    def test_every_kill(self) -> None:
        """Each kill is printed, the longest last."""
        figures = figures_of((KILLED, DAPRDOCKR, 0.5), (KILLED, DAPRDOCKR, 0.25))
        self.assertIn(f"all kills, {DAPRDOCKR}: 0.25 0.50", report(figures))


class VerdictTests(SynchronousTestCase):
    """The goals."""

    def test_judged(self) -> None:
        """A value that is just at the limit meets it."""
        self.assertEqual("met by 0.00 s", judged(0.6, 0.6))
        self.assertEqual("met by 0.25 s", judged(0.25, 0.5))
        self.assertEqual("MISSED by 0.25 s", judged(0.75, 0.5))

    def test_set_to_running(self) -> None:
        """The limit follows what docker run took in the same run."""
        met = figures_of(("40", DAPRDOCKR, 2.4), ("40", DOCKER_RUN, 2.0))
        self.assertEqual(["40 running: at most 1.15 x docker run + 0.2 s = 2.50 s: met by 0.10 s"], verdicts(met))
        missed = figures_of(("1", DAPRDOCKR, 2.6), ("1", DOCKER_RUN, 2.0))
        self.assertEqual(["1 running: at most 1.15 x docker run + 0.2 s = 2.50 s: MISSED by 0.10 s"], verdicts(missed))

    def test_killed(self) -> None:
        """The median of all kills is judged."""
        figures = figures_of((KILLED, DAPRDOCKR, 0.4), (KILLED, DAPRDOCKR, 0.5), (KILLED, DAPRDOCKR, 9.0))
        self.assertEqual(["killed container: at most 0.60 s: met by 0.10 s"], verdicts(figures))
