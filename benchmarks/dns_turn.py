"""
One turn of one contestant of ``benchmarks.dns``: a new process, checked, warmed up and measured.

Note [Half of a full load]
    What waits in a queue that is always full says nothing of a server, so latency is taken at half of a full load:
    of the server's own, and of BIND's, which is the same number of questions a second for everybody.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from attrs import frozen

from benchmarks import dns_report
from benchmarks.clock import BenchFailed
from benchmarks.dns_check import first_mistake, is_answering
from benchmarks.dns_contestants import Contestant, Setting
from benchmarks.dns_load import Dnsperf, percentile
from benchmarks.dns_process import Server, machine_time
from benchmarks.dns_tracks import Track
from tests.build.ports import free_port

WARM_UP = 1.0
STANDS = 1.1
"""A server that cannot answer so many times the common rate is not asked at it."""

REACHED = 0.95
"""Of a rate that was asked for."""


class Wrong(Exception):
    """A contestant answers wrong; says how."""


@frozen
class Lane:
    """
    Where turns take place.

    :ivar core: of the server. :ivar upstream: the port of whom proxies ask.
    :ivar seconds: of the full load; the others last half as long.
    """

    dnsperf: Dnsperf
    core: int
    upstream: int
    seconds: float

    @contextmanager
    def serving(self, contestant: Contestant, track: Track) -> Iterator[tuple[Server, int]]:
        """A server that answers right, and its port. :raises Wrong: if it does not."""
        instances, upstream = track.scenario.instances, 0 if track.scenario.instances else self.upstream
        with tempfile.TemporaryDirectory(prefix="bench-dns-") as directory:
            setting = Setting(Path(directory), free_port(), track.sets, instances, upstream)
            with Server(contestant.plan(setting), setting.directory, self.core) as server:
                server.wait_ready(partial(is_answering, setting.port, track.sample[0]))
                wrong = first_mistake(setting.port, track.sample, track.known)
                if wrong is not None:
                    raise Wrong(wrong)
                yield server, setting.port

    def full_rate(self, contestant: Contestant, track: Track) -> float:
        """Answers per second, by a short look."""
        with self.serving(contestant, track) as (_, port):
            self.dnsperf(port, track.files.warm, WARM_UP)
            return self.dnsperf(port, track.files.full, self.seconds / 2).summary.rate

    def turn(self, contestant: Contestant, track: Track, common: int) -> dict[str, float]:
        """
        The measured values, by the names that ``dns_report`` gives them.

        :param common: questions a second at which all are asked; 0 if they are not.
        """
        with self.serving(contestant, track) as (server, port):
            self.dnsperf(port, track.files.warm, WARM_UP)
            found = self._full(server, port, track)
            rate = found[dns_report.RATE]
            found |= self._half(port, track.files.own, rate / 2, dns_report.OWN)
            if common and rate > STANDS * common:
                found |= self._half(port, track.files.common, common, dns_report.COMMON)
            server.check_core()
            return {**found, dns_report.MEMORY: server.resident()}

    def _full(self, server: Server, port: int, track: Track) -> dict[str, float]:
        before, all_before = server.processor_time(), machine_time()
        load = self.dnsperf(port, track.files.full, self.seconds)
        taken, summary = server.processor_time() - before, load.summary
        others = machine_time() - all_before - taken - load.processor
        if 0 < track.most < summary.sent:
            raise BenchFailed(f"{summary.sent} questions were asked, of {track.most}: some of them twice")
        return {
            dns_report.RATE: summary.rate,
            dns_report.LOST: summary.lost / summary.sent,
            dns_report.COST: taken / summary.completed,
            dns_report.BUSY: taken / summary.seconds,
            dns_report.LOADED: load.processor / load.elapsed,
            dns_report.OTHERS: max(0.0, others) / load.elapsed,
        }

    def _half(self, port: int, questions: Path, rate: float, names: Sequence[str]) -> dict[str, float]:
        """Latencies at a rate; infinite if it was not reached, since questions that were not asked have none."""
        load = self.dnsperf(port, questions, self.seconds / 2, int(rate))
        latencies = load.latencies if load.summary.rate >= REACHED * rate else [math.inf]
        return {name: percentile(latencies, percent) for name, percent in zip(names, (50, 99), strict=True)}
