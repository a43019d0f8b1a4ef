"""The values that ``make bench-dns`` reads from dnsperf, and the tables and verdicts it makes of them."""

from __future__ import annotations

import math

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.clock import BenchFailed
from benchmarks.dns_contestants import BIND, DAPRDOCKR, DNSMASQ, KNOT, POWERDNS
from benchmarks.dns_load import Summary, percentile, read_latencies, read_summary
from benchmarks.dns_report import BUSY, COST, RATE, Result, Scenario, report, verdicts

SUMMARY = """\
Statistics:

  Queries sent:         254837
  Queries completed:    254830 (100.00%)
  Queries lost:         7 (0.00%)

  Response codes:       NOERROR 242112 (95.01%), NXDOMAIN 12718 (4.99%)
  Average packet size:  request 45, response 103
  Run time (s):         2.001170
  Queries per second:   127340.505804

  Average Latency (s):  0.001550 (min 0.000043, max 0.011902)
  Latency StdDev (s):   0.000406
"""

MIX = Scenario("mix", "1,000 instances", 1000)
CACHED = Scenario("cached", "cached")


class DnsperfTests(SynchronousTestCase):
    """The output of dnsperf."""

    def test_summary(self) -> None:
        """The numbers of the summary; the rate is that of the answers."""
        codes = {"NOERROR": 242112, "NXDOMAIN": 12718}
        summary = read_summary(SUMMARY)
        self.assertEqual(Summary(254837, 254830, 7, 2.00117, codes), summary)
        self.assertApproximates(127340.5, summary.rate, 0.1)

    def test_no_summary(self) -> None:
        """The output of dnsperf in the place of a summary is in the error."""
        self.assertRaisesRegex(BenchFailed, "no such file", read_summary, "Error: no such file")

    def test_failures(self) -> None:
        """Fast failures are no answers."""
        self.assertRaisesRegex(BenchFailed, "SERVFAIL", read_summary, SUMMARY.replace("NXDOMAIN", "SERVFAIL"))
        silent = SUMMARY.replace("completed:    254830", "completed:    0")
        self.assertRaisesRegex(BenchFailed, "0 were answered", read_summary, silent)

    def test_latencies(self) -> None:
        """Each answer has a line; the latency of a lost one is infinite, all other lines say nothing of latency."""
        lines = ["[Status] Sending", "> NOERROR a.example A 0.000123", "> T b.example A", "> NXDOMAIN c. SRV 1.000002"]
        self.assertEqual([0.000123, math.inf, 1.000002], read_latencies(lines))

    def test_percentile(self) -> None:
        """The nearest rank: a value that was measured, and one that so many do not exceed."""
        values = [float(number) for number in range(100, 0, -1)]
        self.assertEqual((50.0, 99.0, 100.0), tuple(percentile(values, percent) for percent in (50, 99, 100)))
        self.assertEqual(7.0, percentile([7.0], 1))
        self.assertEqual(math.inf, percentile([1.0, math.inf], 99))
        self.assertRaises(ValueError, percentile, [], 50)


class ReportTests(SynchronousTestCase):
    """The tables."""

    def setUp(self) -> None:
        self.result = Result()

    def add(self, contestant: str, rate: float, **more: float) -> None:
        values = {
            RATE: rate,
            COST: 1 / rate,
            BUSY: 1.0,
            **{name.replace("_", " "): value for name, value in more.items()},
        }
        self.result.add(MIX, contestant, values)

    def rows(self, *contestants: str) -> list[list[str]]:
        return [line.split() for line in report(self.result, [MIX], contestants).splitlines()]

    def test_ratios(self) -> None:
        """Beside each peer stands how many times its rate and its cost we have; beside ourselves nothing."""
        self.add(DAPRDOCKR, 100_000)
        self.add(KNOT, 200_000)
        rows = self.rows(DAPRDOCKR, KNOT)
        self.assertEqual([KNOT, "200,000", "[200,000..200,000]", "0.50", "x", "5.00", "2.00", "x"], rows[2][:8])
        self.assertEqual([DAPRDOCKR, "100,000", "[100,000..100,000]", "-", "10.00", "-"], rows[1][:6])

    def test_absent(self) -> None:
        """A server that was not measured has no row."""
        self.add(DAPRDOCKR, 100_000)
        self.assertNotIn(KNOT, [row[0] for row in self.rows(DAPRDOCKR, KNOT) if row])

    def test_limited(self) -> None:
        """A rate that was dnsperf's limit and not the server's is marked, and the mark explained."""
        self.add(DAPRDOCKR, 100_000)
        self.assertNotIn("*", report(self.result, [MIX], [DAPRDOCKR]))
        self.add(KNOT, 200_000, busy=0.6)
        lines = report(self.result, [MIX], [DAPRDOCKR, KNOT]).splitlines()
        self.assertEqual([KNOT, "*"], [next(line for line in lines if "*" in line).split()[0], lines[4][0]])

    def test_lost(self) -> None:
        """A percentile that fell among the lost ones, or at a rate that was not reached, is no number."""
        self.add(DAPRDOCKR, 100_000, own_p99=math.inf)
        self.assertIn("over", self.rows(DAPRDOCKR)[1])

    def test_wrong(self) -> None:
        """A server that answers wrong is named with its mistake, for those questions only."""
        self.result.add_wrong(MIX, DNSMASQ, "a A: NXDOMAIN instead of NOERROR")
        self.assertTrue(self.result.is_wrong(MIX, DNSMASQ))
        self.assertFalse(self.result.is_wrong(CACHED, DNSMASQ))
        self.assertIn(f"{MIX.title}: {DNSMASQ} was not timed", report(self.result, [MIX], [DNSMASQ]))

    def test_nothing_measured(self) -> None:
        """A run that measured nothing ends without figures and verdicts."""
        self.assertEqual([], verdicts(self.result, [MIX, CACHED]))
        self.assertIn("goals:", report(self.result, [MIX, CACHED], [DAPRDOCKR]))

    def test_verdicts(self) -> None:
        """The rate is judged beside three peers, and p99 beside BIND's at the same rate."""
        for name, rate, p99 in (
            (DAPRDOCKR, 100e3, 1e-3),
            (KNOT, 125e3, 1e-3),
            (POWERDNS, 80e3, 1e-3),
            (DNSMASQ, 40e3, 1.0),
        ):
            self.add(name, rate, common_p99=p99)
        self.add(BIND, 100e3, common_p99=0.5e-3)
        self.assertEqual(
            [
                "1,000 instances: at least 1.0 x Knot's queries/s: 0.80 x, MISSED",
                "1,000 instances: at least 1.0 x PowerDNS's queries/s: 1.25 x, met",
                "1,000 instances: at least 2.5 x dnsmasq's queries/s: 2.50 x, met",
                "1,000 instances: p99 at half of BIND's load no worse than BIND's: 1000 us, BIND 500 us, MISSED",
            ],
            verdicts(self.result, [CACHED, MIX]),
        )
