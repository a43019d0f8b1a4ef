"""``wrk``: run on a core of its own, and its output as values."""

from __future__ import annotations

import re
import subprocess
import time

from attrs import frozen

from benchmarks.clock import BenchFailed
from benchmarks.http_contestants import HOST_NAME, LOOPBACK
from benchmarks.pinned import ended, pinned

CONNECTIONS = 64
"""All kept: each asks again as soon as it has its answer."""

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_NUMBERS = re.compile(r"^ +(\d+) requests in ([\d.]+)(\w+),", re.MULTILINE)
_PERCENTILES = re.compile(r"^ +(50|99)% +([\d.]+)(us|ms|s|m) *$", re.MULTILINE)
_FAULTS = re.compile(r"^ +(Socket errors|Non-2xx or 3xx responses): (.+)$", re.MULTILINE)


@frozen
class Load:
    """
    One run: requests per second, and seconds that half of them, and 99 of 100, did not exceed.

    :ivar processor: seconds of processor time that wrk took, within ``elapsed`` seconds.
    """

    requests: int
    rate: float
    median: float
    p99: float
    processor: float = 0.0
    elapsed: float = 0.0


def read(text: str) -> Load:
    """:raises BenchFailed: when this is not what wrk says, or when some request was not answered with success."""
    numbers, percentiles = _NUMBERS.search(text), dict((p, _seconds(v, u)) for p, v, u in _PERCENTILES.findall(text))
    faults = _FAULTS.search(text)
    if numbers is None or percentiles.keys() != {"50", "99"}:
        raise BenchFailed(f"wrk has not said how many requests there were: {text.strip()[-400:]}")
    if faults is not None:
        raise BenchFailed(f"wrk: {faults[1]}: {faults[2]}")
    requests, seconds = int(numbers[1]), _seconds(numbers[2], numbers[3])
    return Load(requests, requests / seconds, percentiles["50"], percentiles["99"])


def _seconds(value: str, unit: str) -> float:
    return float(value) * _UNITS[unit]


def wrk(core: int, port: int, seconds: float) -> Load:
    """Ask as fast as answers come. :raises BenchFailed: when it fails, or a request does."""
    url = f"http://{LOOPBACK}:{port}/"
    words = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{max(1, round(seconds))}s", "--latency"]
    begin = time.monotonic()
    process = subprocess.Popen(
        [*pinned(core), *words, "-H", f"Host: {HOST_NAME}", url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    processor = ended(process)  # what it prints fits into the pipe
    text = process.stdout.read().decode(errors="replace")
    if process.returncode:
        raise BenchFailed(f"wrk: {text.strip()[-400:]}")
    load = read(text)
    return Load(load.requests, load.rate, load.median, load.p99, processor, time.monotonic() - begin)
