# -*- test-case-name: tests.unit.api.test_metrics -*-
"""The text form of Prometheus, of values that were read before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from daprdockr.api.metric import Metric, MetricKind, Sample
from daprdockr.runtime.durations import Distribution

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def exposition(samples: Iterable[Sample]) -> bytes:
    """Return the text for these values, and for what the kernel knows of this process."""
    registry = CollectorRegistry()
    registry.register(ReadBefore(samples))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class ReadBefore(Collector):
    """A collector of values that were read before."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._families: dict[Metric, Family] = {}
        for sample in samples:
            family = self._families.get(sample.metric)
            if family is None:
                family = self._families[sample.metric] = _family(sample.metric)
            _add(family, sample)

    def describe(self) -> Iterable[Family]:
        return ()

    def collect(self) -> Iterator[Family]:
        yield from self._families.values()


_FAMILIES = {
    MetricKind.COUNTER: CounterMetricFamily,
    MetricKind.GAUGE: GaugeMetricFamily,
    MetricKind.HISTOGRAM: HistogramMetricFamily,
}


def _family(metric: Metric) -> Family:
    family: Family = _FAMILIES[metric.kind](metric.name, metric.text, labels=metric.labels)
    return family


def _add(family: Family, sample: Sample) -> None:
    if isinstance(family, HistogramMetricFamily):
        assert isinstance(sample.value, Distribution)
        bounds = [("+Inf" if bound is None else str(bound), count) for bound, count in sample.value.cumulative]
        family.add_metric(sample.labels, bounds, sample.value.seconds)
    elif isinstance(family, CounterMetricFamily | GaugeMetricFamily):
        assert not isinstance(sample.value, Distribution)
        family.add_metric(sample.labels, sample.value)
