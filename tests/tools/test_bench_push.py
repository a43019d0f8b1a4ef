"""The figures of ``benchmarks.push``: the table, the ratio and the verdicts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.push import LARGE, Pushed, report


class ReportTests(SynchronousTestCase):
    def test_verdicts(self) -> None:
        """The medians are compared, and the most that any host received counts."""
        changed = [Pushed(1.0, 100_000, 100_000), Pushed(1.5, 100_000, 400_000), Pushed(4.0, 100_000, 100_000)]
        lines = report(Pushed(3.0, int(1.2 * LARGE), LARGE), changed, [2.0, 3.0, 9.0]).splitlines()
        self.assertEqual(lines[1].split(), ["push", "1.00", "1.50", "4.00"])
        self.assertEqual(
            lines[4:],
            [
                "push beside save and load: 0.50",
                "",
                "goals:",
                "a host receives at most 0.3 MB: 0.400, MISSED",
                "a push takes at most 2 s: 1.50, met",
                "hosts that have nothing cost at most 1.05 images: 1.200, MISSED",
            ],
        )
