"""
``dnsperf``: run on a core of its own, and its output as values.

Note [Latency by dnsperf]
    Its summary has no percentiles, but with ``-v`` it prints a line for each answer. Each is a write, which takes part
    of the core that dnsperf runs on, not of the server's, and it is the same for all servers; the time of an answer
    is taken before. The latency of a lost question is infinite.
"""

from __future__ import annotations

import math
import re
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from benchmarks.clock import BenchFailed
from benchmarks.pinned import ended, pinned

CLIENTS = 4
"""Sockets that ask, each with two threads of its own: with fewer, dnsperf was the limit of the fastest."""
OUTSTANDING = 200
"""Questions on their way at most: less than a socket's buffer has room for, so that nothing gets lost there."""
TIMEOUT = 1
"""Seconds after which a question is lost."""

FINE = frozenset({"NOERROR", "NXDOMAIN"})

_NUMBERS = re.compile(r"^ +(Queries sent|Queries completed|Queries lost|Run time \(s\)): +([\d.]+)", re.MULTILINE)
_CODES = re.compile(r"^ +Response codes: +(.+)$", re.MULTILINE)


@frozen
class Summary:
    """The questions that dnsperf sent, the answers, and its seconds; ``codes`` counts answers by response code."""

    sent: int
    completed: int
    lost: int
    seconds: float
    codes: Mapping[str, int]

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.completed / self.seconds


@frozen
class Load:
    """
    One run.

    :ivar processor: seconds of processor time that dnsperf took, within ``elapsed`` seconds.
    :ivar latencies: each in seconds, if they were asked for.
    """

    summary: Summary
    processor: float
    elapsed: float
    latencies: Sequence[float] = ()


def read_summary(text: str) -> Summary:
    """:raises BenchFailed: when this is no summary of dnsperf, or when a server failed to answer some question."""
    numbers = dict(_NUMBERS.findall(text))
    try:
        sent, completed, lost = (int(numbers[f"Queries {name}"]) for name in ("sent", "completed", "lost"))
        seconds = float(numbers["Run time (s)"])
    except KeyError as absent:
        raise BenchFailed(f"dnsperf has not said {absent}: {text.strip()[-400:]}") from None
    told = _CODES.search(text)
    codes = {code: int(count) for code, count in re.findall(r"([A-Z]+) (\d+)", told[1] if told else "")}
    if completed == 0 or not FINE.issuperset(codes):
        raise BenchFailed(f"of {sent} questions {completed} were answered: {codes}")
    return Summary(sent, completed, lost, seconds, codes)


def read_latencies(lines: Iterable[str]) -> list[float]:
    """The seconds in the lines that ``-v`` gives, as in ``> NOERROR a.example A 0.000123``; ``> T`` is infinite."""
    told = (line for line in lines if line.startswith("> "))
    return [math.inf if line.startswith("> T ") else float(line.rpartition(" ")[2]) for line in told]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that so many of a hundred do not exceed. :raises ValueError: without values."""
    if not values:
        raise ValueError("no values have no percentile")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


class Dnsperf:
    """
    Instances are callables.

    :param core: where it runs.
    :param output: a file for what it prints.
    """

    def __init__(self, core: int, output: Path) -> None:
        self._core = core
        self._output = output

    def __call__(self, port: int, questions: Path, seconds: float, rate: int = 0) -> Load:
        """
        Ask as fast as answers come, or at a ``rate`` per second, and then time each answer.

        :raises BenchFailed: when it fails, or the server does.
        """
        timed = ("-v", "-Q", str(rate)) if rate else ("-O", "suppress=timeouts")
        return self._run(port, questions, "-l", f"{seconds:g}", *timed)

    def once(self, port: int, questions: Path) -> Load:
        """Ask each of the questions, once. :raises BenchFailed: when it fails, or the server does."""
        return self._run(port, questions, "-n", "1")

    def _run(self, port: int, questions: Path, *options: str) -> Load:
        words = [*pinned(self._core), "dnsperf", "-s", "127.0.0.1", "-p", str(port)]
        words += ["-d", str(questions), "-c", str(CLIENTS), "-T", str(CLIENTS), "-q", str(OUTSTANDING)]
        words += ["-t", str(TIMEOUT), "-W", *options]
        begin = time.monotonic()
        with self._output.open("wb") as output:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
            processor = ended(process)
        elapsed = time.monotonic() - begin
        text = self._output.read_text(errors="replace")
        if process.returncode:
            raise BenchFailed(f"dnsperf: {text.strip()[-400:]}")
        summary = read_summary(text[text.rfind("Statistics:") :])
        return Load(summary, processor, elapsed, read_latencies(text.splitlines()))
