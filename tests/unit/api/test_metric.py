"""The metrics as they are declared."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.api.metric import METRICS, MetricKind
from tests.unit.house.pages import REFERENCE, rows

PAGE = REFERENCE / "metrics.rst"


class MetricTests(SynchronousTestCase):
    def test_reference(self) -> None:
        """The reference has each metric with its labels, its type and its meaning, in the same order, and no other."""
        written = rows(PAGE, "The metrics")
        declared = [
            [metric.name + (f"{{{', '.join(metric.labels)}}}" if metric.labels else ""), metric.kind.value, metric.text]
            for metric in METRICS
        ]
        self.assertEqual(written, declared)

    def test_names(self) -> None:
        """Names keep Prometheus's rules: ours begin with our name, counters end in _total, durations in _seconds."""
        self.assertEqual(len({metric.name for metric in METRICS}), len(METRICS))
        for metric in METRICS:
            self.assertRegex(metric.name, r"^daprdockr_[a-z_]+$")
            self.assertEqual(metric.name.endswith("_total"), metric.kind is MetricKind.COUNTER)
            if metric.kind is MetricKind.HISTOGRAM:
                self.assertTrue(metric.name.endswith("_seconds"))
            self.assertFalse({"le", "quantile", "instance", "job"}.intersection(metric.labels))
