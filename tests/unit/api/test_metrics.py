"""``/metrics``: the text, and what happens to a client that leaves or a value that cannot be read."""

from __future__ import annotations

import gc

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest

from daprdockr.api import metric
from daprdockr.api.exposition import exposition
from daprdockr.api.metric import Sample
from daprdockr.api.metrics import Metrics
from daprdockr.runtime.durations import Durations


class ExpositionTests(SynchronousTestCase):
    """The text form of Prometheus."""

    def lines(self, *samples: Sample) -> list[str]:
        return exposition(samples).decode().splitlines()

    def test_kinds(self) -> None:
        """Counters, gauges and histograms have their type, a line of help, and a line for each value."""
        took = Durations()
        took.add(0.3)
        found = self.lines(
            Sample(metric.DNS_REPLIES, 7, ("A", "noerror")),
            Sample(metric.LEASE_LEFT, 1.5),
            Sample(metric.CALLS, took.read(), ("etcd",)),
        )
        for line in (
            "# TYPE daprdockr_dns_replies_total counter",
            'daprdockr_dns_replies_total{result="noerror",type="A"} 7.0',
            f"# HELP {metric.LEASE_LEFT.name} {metric.LEASE_LEFT.text}",
            "daprdockr_lease_remaining_seconds 1.5",
            "# TYPE daprdockr_call_duration_seconds histogram",
            'daprdockr_call_duration_seconds_bucket{le="0.25",pool="etcd"} 0.0',
            'daprdockr_call_duration_seconds_bucket{le="0.5",pool="etcd"} 1.0',
            'daprdockr_call_duration_seconds_bucket{le="+Inf",pool="etcd"} 1.0',
            'daprdockr_call_duration_seconds_count{pool="etcd"} 1.0',
            'daprdockr_call_duration_seconds_sum{pool="etcd"} 0.3',
        ):
            self.assertIn(line, found)

    def test_process(self) -> None:
        """The text ends with the kernel's knowledge of the process."""
        self.assertTrue(any(line.startswith("process_resident_memory_bytes ") for line in self.lines()))

    def test_hostile(self) -> None:
        """A label makes no second line, even if it contains one."""
        (line,) = [line for line in self.lines(Sample(metric.WANTED, 1, ('a"} 9\nx{b="',))) if "x{b" in line]
        self.assertTrue(line.endswith("} 1.0"))


class MetricsTests(SynchronousTestCase):
    """``GET /metrics``"""

    def setUp(self) -> None:
        self.reading: Deferred[list[Sample]] = Deferred()
        self.request = DummyRequest([b"metrics"])
        self.request.render(Metrics(self.read))

    async def read(self) -> list[Sample]:
        return await self.reading

    def test_answer(self) -> None:
        """The answer follows when all is read."""
        self.assertEqual(self.request.finished, 0)
        self.reading.callback([Sample(metric.REVISION, 12)])
        self.assertEqual(self.request.finished, 1)
        self.assertIn(b"daprdockr_etcd_revision 12.0", b"".join(self.request.written))
        self.assertEqual(
            self.request.responseHeaders.getRawHeaders(b"content-type"), [b"text/plain; version=0.0.4; charset=utf-8"]
        )

    def test_gone(self) -> None:
        """A client that left is written nothing, and reading ends."""
        self.request.processingFailed(Failure(ConnectionError()))
        self.assertTrue(self.reading.called)
        self.assertEqual(self.request.written, [])
        del self.reading
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_fault(self) -> None:
        """A fault of ours is an answer, too, and stands in the log with its traceback."""
        self.reading.errback(ZeroDivisionError())
        self.assertEqual((self.request.responseCode, self.request.finished), (500, 1))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
