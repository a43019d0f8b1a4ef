# -*- test-case-name: tests.tools.test_bench_memory -*-
"""
The memory of an agent and its processor time while nothing happens, without services and with 1,000 instances.

    .venv/bin/python -m benchmarks.memory [--instances 1000] [--seconds 60]

The agent is a process of its own, as twistd runs it, with DNS, API, page and the peer listener; with the Docker Engine
of ``DOCKER_HOST`` if that is set. One member of etcd holds the services, each with a host name, and the claims of their
instances by 20 other nodes: first 20 instances of each service, then a service for each instance. The kernel counts the
memory (``/proc/PID/smaps_rollup``) of this process alone, without nginx, relay and guard, and both are read after
everything has been quiet for a while.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from benchmarks.clock import wait_until
from benchmarks.dns_process import processor_time
from benchmarks.population import fill
from benchmarks.report import aligned, verdict
from daprdockr.arguments.local_reads import SOCKET
from daprdockr.etcd.store import EtcdStore
from daprdockr.model.stored.keys import Keys
from daprdockr.model.wanted.definition import Definition
from tests.build.ports import free_port
from tests.build.values import named
from tests.rig.etcd_members import EtcdMembers

EACH = 20
"""Instances of a service where services have several."""
SETTLE = 10.0
"""Seconds after which an agent has read etcd, and what it needed for that is given back."""
GOAL, GOAL_IDLE = 75.0, 0.5
"""MB of memory that is in use, and percent of a core."""


@frozen
class Memory:
    """
    Of a process, in MB: what is in use (``rss``), the same with the pages of files that others use too shared out among
    all (``pss``), what ends with this process alone (``private``), and of that what was written to (``dirty``).
    """

    rss: float
    pss: float
    private: float
    dirty: float

    @classmethod
    def of(cls, rollup: str) -> Memory:
        """Return what the kernel's ``smaps_rollup`` says."""
        words = [line.split() for line in rollup.splitlines()[1:]]
        octets = {name: int(size) * 1024 for name, size, _ in words}
        clean, dirty = octets["Private_Clean:"], octets["Private_Dirty:"]
        counted = (octets["Rss:"], octets["Pss:"], clean + dirty, dirty)
        return cls(*(one / 1e6 for one in counted))


@frozen
class Quiet:
    """An agent to which nothing happens: its memory, its threads, and the percent of a core that it takes."""

    memory: Memory
    threads: int
    processor: float


def services(count: int, each: int) -> Iterator[Definition]:
    """Yield so many services, each with a host name and so many instances."""
    for number in range(count):
        site = {"HostName": f"web{number}.example.com", "ContainerPort": 8080}
        yield named(f"web{number}", each, Http=site)


@contextmanager
def agent(etcd: str) -> Iterator[Path]:
    """Run an agent; yields the kernel's directory of its process when it listens."""
    home = Path(tempfile.mkdtemp(prefix="dapr-memory-"))
    places = [word for one in ("dns", "api", "peer") for word in (f"--{one}", f"127.0.0.1:{free_port()}")]
    engine = os.environ.get("DOCKER_HOST", f"unix://{home}/none.sock")
    others = ("--http", "off", "--node", "here", "--docker", engine, "--state-dir", str(home / "state"))
    words = [sys.executable, "-m", "twisted", "--log-file", str(home / "log"), "daprdockr", "--etcd", etcd]
    process = subprocess.Popen([*words, *places, *others], cwd=home)
    try:
        wait_until((home / "state" / SOCKET).exists, "the agent listens on its socket")
        yield Path(f"/proc/{process.pid}")
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


def quiet(process: Path, seconds: float) -> Quiet:
    """Watch a process for so long."""
    time.sleep(SETTLE)
    begin, spent = time.monotonic(), processor_time((process / "stat").read_text())
    time.sleep(seconds)
    used = (processor_time((process / "stat").read_text()) - spent) / (time.monotonic() - begin)
    memory = Memory.of((process / "smaps_rollup").read_text())
    return Quiet(memory, len(list((process / "task").iterdir())), used * 100)


def measured(count: int, each: int, seconds: float) -> Quiet:
    """Watch an agent of a cluster that has so many services, with so many instances each."""
    with EtcdMembers(1) as etcd:
        store = EtcdStore(etcd.access)
        fill(store, Keys(), services(count, each))
        store.close()
        with agent(etcd.urls) as process:
            return quiet(process, seconds)


def report(found: Sequence[tuple[str, Quiet]]) -> str:
    """Return a table, and the verdicts on all rows but the first."""
    rows = [["MB", "in use (RSS)", "shared out (PSS)", "private", "written to", "threads", "% of a core"]]
    for name, one in found:
        sizes = (one.memory.rss, one.memory.pss, one.memory.private, one.memory.dirty)
        rows.append([name, *(f"{size:.1f}" for size in sizes), str(one.threads), f"{one.processor:.2f}"])
    verdicts = [
        f"{name}: at most {goal:g} {unit}: {value:.2f}, {verdict(value <= goal)}"
        for name, one in found[1:]
        for goal, unit, value in ((GOAL, "MB in use", one.memory.rss), (GOAL_IDLE, "% of a core", one.processor))
    ]
    return "\n".join([*aligned(rows), "", "goals:", *verdicts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    instances = given.instances
    found = [
        ("no service", measured(0, 1, given.seconds)),
        (f"{instances:,} instances of {instances // EACH}", measured(instances // EACH, EACH, given.seconds)),
        (f"{instances:,} services", measured(instances, 1, given.seconds)),
    ]
    print(report(found))
    print(f"\n{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores, load {os.getloadavg()}")


if __name__ == "__main__":
    main()
