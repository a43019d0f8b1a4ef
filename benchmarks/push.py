# -*- test-case-name: tests.tools.test_bench_push -*-
"""
An image of 62 MB of which 100 kB changed, brought to three hosts: by ``push``, and by ``docker save`` into ``docker
load`` on one host after the other.

    .venv/bin/python -m benchmarks.push [--rounds 7]

The hosts are those of the tests' cluster, each with an Engine and an agent, and a desk with another Engine pushes. Both
ways take turns, each with a change of its own, so both meet the same load. ``save`` and ``load`` go over memory, so
they have no network to wait for.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack

from attrs import frozen

from benchmarks.clock import BenchFailed
from benchmarks.report import aligned, verdict
from tests.rig.cluster.cluster import COMMAND, Cluster
from tests.rig.docker_engine import PrivateEngine
from tests.rig.layered import build_layers

LARGE, SMALL = 62_000_000, 100_000
GOAL_MB, GOAL_SECONDS, GOAL_ALL = 0.3, 2.0, 1.05
"""A host may receive so much of the change, the push may take so long, and the first one send so often the image."""


@frozen
class Pushed:
    """The seconds of a push, the octets that the desk sent, and the most that one host received."""

    seconds: float
    sent: int
    received: int


def pushed(cluster: Cluster, desk: PrivateEngine, tag: str) -> Pushed:
    """:raises BenchFailed: not all hosts have the image."""
    command = ["env", f"DOCKER_HOST={desk.url}", COMMAND, "-etcd", cluster.etcd.urls, "push", tag, "-o", "json"]
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.monotonic() - begun
    if done.returncode != 0:
        raise BenchFailed(done.stderr.splitlines()[-1])
    told = json.loads(done.stdout)
    return Pushed(seconds, told["Sent"], max(node["Octets"] for node in told["Nodes"]))


def saved_and_loaded(cluster: Cluster, desk: PrivateEngine, tag: str) -> float:
    """Return the seconds of ``docker save`` into ``docker load`` on each host. :raises BenchFailed: one fails."""
    begun = time.monotonic()
    for host in cluster.hosts:
        with subprocess.Popen(["docker", "-H", desk.url, "save", tag], stdout=subprocess.PIPE) as saving:
            load = ["docker", "-H", host.engine, "load", "-q"]
            loaded = subprocess.run(load, stdin=saving.stdout, capture_output=True)
        if saving.returncode or loaded.returncode:
            raise BenchFailed(f"docker save and docker load of {tag} failed")
    return time.monotonic() - begun


def report(first: Pushed, changed: Sequence[Pushed], loaded: Sequence[float]) -> str:
    """Return a table, and the verdicts."""
    rows = [["", "seconds: shortest", "median", "longest"]]
    pushes = [one.seconds for one in changed]
    for name, seconds in (("push", pushes), ("docker save, docker load", loaded)):
        spread = (min(seconds), statistics.median(seconds), max(seconds))
        rows.append([name, *(f"{one:.2f}" for one in spread)])
    ratio = statistics.median(pushes) / statistics.median(loaded)
    received, longest = max(one.received for one in changed) / 1e6, statistics.median(pushes)
    whole = first.sent / LARGE
    verdicts = [
        f"a host receives at most {GOAL_MB:g} MB: {received:.3f}, {verdict(received <= GOAL_MB)}",
        f"a push takes at most {GOAL_SECONDS:g} s: {longest:.2f}, {verdict(longest <= GOAL_SECONDS)}",
        f"hosts that have nothing cost at most {GOAL_ALL:g} images: {whole:.3f}, {verdict(whole <= GOAL_ALL)}",
    ]
    return "\n".join([*aligned(rows), "", f"push beside save and load: {ratio:.2f}", "", "goals:", *verdicts])


def measure(rounds: int, stack: ExitStack) -> str:
    """Return the report."""
    desk = PrivateEngine()
    stack.callback(desk.end)
    cluster = Cluster()
    stack.callback(cluster.close)
    cluster.open()
    base = os.urandom(LARGE)

    def built(number: int) -> str:
        tag = f"shop/web:{number}"
        build_layers(desk.url, tag, base, os.urandom(SMALL))
        return tag

    first = pushed(cluster, desk, built(0))
    changed, loaded = [], []
    for turn in range(rounds):
        changed.append(pushed(cluster, desk, built(2 * turn + 1)))
        loaded.append(saved_and_loaded(cluster, desk, built(2 * turn + 2)))
    return report(first, changed, loaded)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with ExitStack() as stack:
        print(measure(given.rounds, stack))
    print(f"\n{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores, load {os.getloadavg()}")


if __name__ == "__main__":
    main()
