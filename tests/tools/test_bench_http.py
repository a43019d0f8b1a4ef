"""The output that the HTTP benchmark reads, the configurations that it writes, and its report."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from benchmarks import http_report
from benchmarks.clock import BenchFailed
from benchmarks.http import parts, peers, wishes
from benchmarks.http_alone import KIND as ALONE
from benchmarks.http_contestants import CADDY, DAPRDOCKR, HAPROXY, HOST_NAME, NGINX, Setting, services
from benchmarks.http_force import Force
from benchmarks.http_load import read
from benchmarks.http_lost import KINDS, Loss
from benchmarks.http_peers import PEERS
from benchmarks.http_report import Result, report
from tests.rig.strict_client import Taken

WRK = """Running 6s test @ http://127.0.0.1:8080/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.05ms    0.86ms  14.24ms   87.02%
    Req/Sec    31.58k     2.10k   34.83k    76.67%
  Latency Distribution
     50%    1.95ms
     75%    2.20ms
     90%    2.60ms
     99%  987.00us
  188506 requests in 6.00s, 216.39MB read
Requests/sec:  31417.34
Transfer/sec:     36.07MB
"""
MEASURED = (
    http_report.RATE,
    http_report.COST,
    http_report.BUSY,
    http_report.LOADED,
    http_report.OTHERS,
    http_report.MEDIAN,
    http_report.P99,
)
FORCE = Force(10, (0.001,) * 99 + (0.02,), (0.002,) * 100, 0.0003, 1_000_000, True)


class WrkTests(SynchronousTestCase):
    """``read``."""

    def test_numbers(self) -> None:
        """Requests, their rate and the two percentiles are taken from what wrk prints."""
        load = read(WRK)
        self.assertEqual((188506, 188506 / 6, 0.00195, 0.000987), (load.requests, load.rate, load.median, load.p99))

    def test_long(self) -> None:
        """From a second on wrk writes a space behind a percentile."""
        load = read(WRK.replace("1.95ms", " 1.01s ").replace("987.00us", " 1.50s "))
        self.assertEqual((1.01, 1.5), (load.median, load.p99))

    def test_faults(self) -> None:
        """A run in which requests failed is none."""
        for line in ["  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 3, write 0, timeout 0\n"]:
            with self.assertRaisesRegex(BenchFailed, line.strip()):
                read(WRK + line)

    def test_something_else(self) -> None:
        """A text that is no summary is refused, and stands in the error."""
        with self.assertRaisesRegex(BenchFailed, "unable to connect"):
            read("unable to connect to 127.0.0.1:9 Connection refused\n")


class PlanTests(SynchronousTestCase):
    """The configuration of each proxy."""

    def test_same_services(self) -> None:
        """All lead the same host name to the same ports, and listen where they are to."""
        setting = Setting(Path("/bench"), 8000, (9001, 9002, 9003))
        for peer in PEERS:
            texts = "\n".join(peer.plan(peer.program, setting).files.values())
            for word in (HOST_NAME, "8000", "9001", "9002", "9003"):
                self.assertIn(word, texts, peer.name)

    def test_services(self) -> None:
        """The services listen on all ports."""
        text = services("nginx", Setting(Path("/bench"), 0, (9001, 9002))).files["nginx.conf"]
        self.assertIn("listen 127.0.0.1:9001;", text)
        self.assertIn("listen 127.0.0.1:9002;", text)


class ReportTests(SynchronousTestCase):
    """``report``."""

    def result(self, ours: float = 20_000.0) -> Result:
        result = Result()
        for name, rate in ((DAPRDOCKR, ours), (NGINX, 25_000.0), (HAPROXY, 30_000.0)):
            what = {**dict.fromkeys(MEASURED, 0.99), http_report.RATE: rate}
            result.add(name, what)
        return result

    def text(self, result: Result) -> str:
        return report(result, [DAPRDOCKR, *(peer.name for peer in PEERS)])

    def test_rates(self) -> None:
        """Each contestant has a row with daprdockr's rate as a multiple of its own; the goal is judged by that."""
        text = self.text(self.result())
        (row,) = [line for line in text.splitlines() if line.startswith("HAProxy")]
        self.assertIn("0.67 x", row)
        self.assertIn("at least 0.9 x nginx by hand's requests/s: 0.80 x, MISSED", text)
        self.assertIn("requests/s: 0.96 x, met", self.text(self.result(ours=24_000)))

    def test_not_at_hand(self) -> None:
        """A peer that could not be had has a row that says so, the reason below it, and no goal."""
        result = self.result()
        result.absent[CADDY] = "there is no Go to build it with"
        text = self.text(result)
        self.assertRegex(text, r"(?m)^Caddy +not at hand ")
        self.assertIn("Caddy: there is no Go to build it with", text)
        self.assertNotIn("Caddy's", text)

    def test_not_saturated(self) -> None:
        """A proxy that had not enough to do is marked."""
        result = self.result()
        result.add(CADDY, dict.fromkeys(MEASURED, 0.5))
        text = self.text(result)
        self.assertRegex(text, r"(?m)^Caddy +\*")
        self.assertIn("* it was not busy", text)

    def test_judged_by_cost(self) -> None:
        """Where one of the two was not busy, the goal is judged by what a request cost of the processor."""
        result = self.result(ours=24_000)
        result.add(CADDY, dict.fromkeys(MEASURED, 0.5) | {http_report.COST: 0.001, http_report.RATE: 48_000.0})
        self.assertIn("Caddy's requests/s: 0.00 x by the cost of a request, MISSED", self.text(result))

    def test_force(self) -> None:
        """The 99th percentile from the event is judged, and the workers with their memory."""
        text = report(Result(forces=[FORCE]), [])
        self.assertIn("10 host names: in force within 10 ms (p99): 1.00 ms, met", text)
        self.assertIn("the same, +1.0 MB", text)
        slow = evolve(FORCE, from_event=(0.011,) * 100, same_workers=False)
        self.assertEqual(2, report(Result(forces=[slow]), []).count("MISSED"))

    def test_losses(self) -> None:
        """Each kind has its row; nothing may be lost where nobody dies, and what was lost is named."""
        lost = Taken(sent=20_000, lost={"GET on a kept connection: connection lost": 2}, cut={"1.stay.b": 3}, skipped=7)
        losses = [Loss(kind, 20, Taken(sent=20_000) if kind != "drains" else lost, 1.5) for kind in KINDS]
        text = report(Result(losses=losses), [])
        self.assertIn("drains: no request lost, no websocket cut: 2 and 3, MISSED", text)
        self.assertIn("scale changes: no request lost, no websocket cut: 0 and 0, met", text)
        self.assertIn("drains: 2 x GET on a kept connection: connection lost", text)
        self.assertIn("7 requests that were due were not sent", text)

    def test_alone(self) -> None:
        """The only instance may not cost a request when it is killed, nor more than a second."""
        for lost, slowest, judged in (({}, 0.9, "met"), ({}, 1.1, "MISSED"), ({"GET": 1}, 0.9, "MISSED")):
            taken = Taken(sent=1000, lost=lost, slowest=slowest)
            told = report(Result(losses=[Loss(ALONE, 10, taken, 0.4)]), [])
            self.assertIn(f"within 1,000 ms: {len(lost)} and {slowest * 1000:,.0f} ms, {judged}", told)

    def test_nothing(self) -> None:
        """Parts that were not measured leave nothing."""
        self.assertEqual("", report(Result(), []))


class WishesTests(SynchronousTestCase):
    """``wishes``."""

    def test_parts(self) -> None:
        """Parts are named by comma; an unknown one is refused with those there are."""
        self.assertEqual(("rate", "lost"), wishes(["--parts", "rate,lost"]).parts)
        with self.assertRaisesRegex(ArgumentTypeError, "speed is none of rate, force, lost"):
            parts("speed")

    def test_peers(self) -> None:
        """Peers are named by their programs; without the option all take part."""
        self.assertEqual(["nginx", "caddy"], [peer.program for peer in wishes(["--peers", "nginx,caddy"]).peers])
        self.assertEqual(PEERS, wishes([]).peers)
        with self.assertRaisesRegex(ArgumentTypeError, "envoy is none of nginx, haproxy, caddy, traefik"):
            peers("envoy")
