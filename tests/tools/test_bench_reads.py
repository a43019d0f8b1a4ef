"""The figures of ``benchmarks.reads``: the table, and a verdict on each command by the agent."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.reads import BY_AGENT, BY_ETCD, Spent, report


class ReportTests(SynchronousTestCase):
    def test_verdicts(self) -> None:
        """The median counts, of the way by the agent alone."""
        slow, fast = Spent(0.3, 0.2), Spent(0.1, 0.05)
        found = {
            ("ps", BY_AGENT): [fast, fast, slow],
            ("ps", BY_ETCD): [slow],
            ("status", BY_AGENT): [slow],
        }
        lines = report(found).splitlines()
        self.assertEqual(lines[1].split("   ")[0].strip(), "ps, by the agent")
        self.assertIn("100 [300]", lines[1])
        self.assertEqual(
            lines[-2:],
            [
                "ps within 0.2 s in the median: 0.100 s, met",
                "status within 0.2 s in the median: 0.300 s, MISSED",
            ],
        )
