"""The figures of ``benchmarks.stalled``: lines that are absent or doubled, the table, and the verdicts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.stalled import Phase, missing_lines, report


class ReportTests(SynchronousTestCase):
    def test_missing_lines(self) -> None:
        """A gap counts, and so does a line that comes twice; where a reader began does not."""
        self.assertEqual(missing_lines({"a": [5, 6, 7], "b": [1, 2]}), 0)
        self.assertEqual(missing_lines({"a": [5, 8], "b": [1, 1, 2]}), 3)

    def test_verdicts(self) -> None:
        """The growth of the largest agent, and the median lag of others, are those beside the time before."""
        before, stalled = Phase("before", [100.0, 101.0], [0.2, 0.2]), Phase("stalled", [101.0, 119.0], [0.3, 0.3, 0.9])
        lines = report([before, stalled, before], 2).splitlines()
        self.assertIn("119.0", lines[2])
        self.assertEqual(
            lines[-3:],
            [
                "stalled readers cost at most 16 MB: 18.0, MISSED",
                "and the others at most 0.5 s: 0.100, met",
                "no line is lost or comes twice: 2, MISSED",
            ],
        )
