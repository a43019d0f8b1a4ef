"""The values of the metrics: those of a whole agent in memory agree with what status, ps and nodes show."""

from __future__ import annotations

from daprdockr.api import metric
from daprdockr.api.metric import METRICS, Metric, MetricKind, Sample
from daprdockr.api.metrics import exposition
from daprdockr.runtime.durations import Distribution
from daprdockr.wiring.measuring import Measured
from tests.build.values import KEYS, definition
from tests.build.whole import WholeCase

LATER: tuple[Metric, ...] = (
    metric.DNS_REPLIES,
    metric.DNS_EVENTS,
    metric.ROUTES,
    metric.ROUTE_ENDPOINTS,
    metric.ROUTE_CHANGES,
    metric.ROUTE_FAILURES,
    metric.HELD,
    metric.RETRIED,
    metric.UNSERVED,
    metric.CERTIFICATE_END,
)
"""Those of parts that an agent in memory does not have."""


class MeasuredTests(WholeCase):
    def measured(self) -> list[Sample]:
        parts = self.agent.parts
        return self.successResultOf(Measured(parts.base, parts.outward, parts.found, parts.acting, parts.judged)())

    def values(self, of: Metric) -> dict[tuple[str, ...], float | Distribution]:
        return {sample.labels: sample.value for sample in self.measured() if sample.metric is of}

    def test_instances(self) -> None:
        """Services, instances and steps are counted as they come to run; a start is one duration."""
        self.cluster.define(definition(instances=2))
        self.cluster.advance(3)
        self.assertEqual(self.values(metric.WANTED), {("web.myapp",): 2})
        self.assertEqual(self.values(metric.RUNNING), {("web.myapp",): 2})
        self.assertEqual(self.values(metric.SERVICE_HEALTHY), {("web.myapp",): 2})
        self.assertEqual(self.values(metric.INSTANCES)["running",], 2)
        self.assertEqual(self.values(metric.STEPS)["start_container", "done"], 2)
        started = self.values(metric.STEP_DURATION)["start_container",]
        assert isinstance(started, Distribution)
        self.assertEqual(sum(started.counts), 2)

    def test_nodes(self) -> None:
        """A node is ready, until it is cordoned."""
        self.assertEqual(self.values(metric.NODES)["ready",], 1)
        self.cluster.store.put(KEYS.cordon("a"), b"")
        self.cluster.advance(1)
        self.assertEqual(self.values(metric.NODES)["ready",], 0)
        self.assertEqual(self.values(metric.NODES)["cordoned",], 1)

    def test_lease(self) -> None:
        """The lease is certain for at most its TTL, and for no time once etcd was silent for longer."""
        (left,) = self.values(metric.LEASE_LEFT).values()
        assert isinstance(left, float)
        self.assertTrue(3.0 < left <= 6.0)
        self.assertEqual(self.values(metric.HEALTHY)["heartbeat",], 1)
        self.cluster.store.unavailable = True
        self.cluster.advance(8)
        self.assertEqual(self.values(metric.LEASE_LEFT), {(): 0.0})
        self.assertEqual(self.values(metric.HEALTHY)["heartbeat",], 0)

    def test_all(self) -> None:
        """Each metric has a value, with its labels, in a text that is not long."""
        self.cluster.define(definition())
        self.cluster.advance(3)
        samples = self.measured()
        self.assertEqual({sample.metric for sample in samples}, set(METRICS).difference(LATER))
        for sample in samples:
            self.assertEqual(len(sample.labels), len(sample.metric.labels), sample)
            self.assertEqual(isinstance(sample.value, Distribution), sample.metric.kind is MetricKind.HISTOGRAM)
        self.assertLess(len(exposition(samples)), 64 * 1024)
