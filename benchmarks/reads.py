# -*- test-case-name: tests.tools.test_bench_reads -*-
"""
Commands that read a cluster of 1,000 instances, by the agent of their machine and by etcd.

    .venv/bin/python -m benchmarks.reads [--rounds 20]

One member of etcd holds 50 services, 1,000 claims and 20 nodes. An agent without an Engine follows it; so the machine
runs none of the instances. In each round every command runs once, by both ways, as a process of its own. The clock of
a process stops when it has ended; its processor time is the kernel's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from benchmarks.clock import wait_until
from benchmarks.population import fill
from benchmarks.report import aligned, verdict
from daprdockr.arguments.local_reads import SOCKET, STATE
from daprdockr.etcd.store import EtcdStore
from daprdockr.model.stored.keys import Keys
from tests.build.values import named
from tests.rig.etcd_members import EtcdMembers

SERVICES, EACH = 50, 20
COMMANDS = ("ps", "status", "nodes", "why web1.myapp", "why 1.web1.myapp")
BY_AGENT, BY_ETCD = "by the agent", "by etcd"
SETTLE = 5.0
"""Seconds in which an agent that has begun reads etcd."""
GOAL = 0.2
"""Seconds in the median."""


@frozen
class Spent:
    """Of one process: the time until it had ended, and the processor's, in seconds."""

    seconds: float
    processor: float


@contextmanager
def agent(etcd: str) -> Iterator[Path]:
    """Run an agent without an Engine; yields its state directory when it answers."""
    home = Path(tempfile.mkdtemp(prefix="dapr-reads-"))
    off = ("--dns", "off", "--http", "off", "--api", "off", "--peer", "off", "--node", "here")
    files = ("--docker", f"unix://{home}/none.sock", "--state-dir", str(home / "state"))
    words = [sys.executable, "-m", "twisted", "--log-file", str(home / "log"), "daprdockr", "--etcd", etcd]
    process = subprocess.Popen([*words, *off, *files], cwd=home)
    try:
        wait_until((home / "state" / SOCKET).exists, "the agent listens on its socket")
        time.sleep(SETTLE)
        yield home / "state"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


def timed(words: Sequence[str], etcd: str, state: Path, expected: bytes = b"") -> Spent | None:
    """Run a command as a process; None if its output lacks what is expected."""
    program = [str(Path(sys.executable).with_name("daprdockrcmd")), *words, "-etcd", etcd]
    begin = time.monotonic()
    child = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={STATE: str(state)})
    assert child.stdout is not None
    output = child.stdout.read()
    _, _, usage = os.wait4(child.pid, 0)
    child.returncode = 0
    spent = Spent(time.monotonic() - begin, usage.ru_utime + usage.ru_stime)
    return spent if expected in output else None


def report(found: Mapping[tuple[str, str], Sequence[Spent]]) -> str:
    """Return a table of medians, with the slowest and the processor time, and the verdicts."""
    rows, verdicts = [["milliseconds: median [slowest]", "whole", "of the processor"]], []
    for (command, way), spent in found.items():
        whole, processor = [one.seconds for one in spent], [one.processor for one in spent]
        rows.append([f"{command}, {way}", *(_spread(values) for values in (whole, processor))])
        if way == BY_AGENT:
            met = verdict(statistics.median(whole) <= GOAL)
            verdicts.append(f"{command} within {GOAL:g} s in the median: {statistics.median(whole):.3f} s, {met}")
    return "\n".join([*aligned(rows), "", "goals:", *verdicts])


def _spread(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f} [{max(seconds) * 1000:.0f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    found: dict[tuple[str, str], list[Spent]] = {}
    with EtcdMembers(1) as etcd:
        store = EtcdStore(etcd.access)
        fill(store, Keys(), (named(f"web{number}", EACH) for number in range(SERVICES)))
        store.close()
        with agent(etcd.urls) as state:
            for _ in range(rounds):
                for command in COMMANDS:
                    for way, place in ((BY_AGENT, state), (BY_ETCD, state.with_name("none"))):
                        expected = b"n1" if command == "nodes" else b"web1.myapp"
                        spent = timed(command.split(), etcd.urls, place, expected)
                        found.setdefault((command, way), []).extend([spent] if spent else [])
    print(report(found))
    print(f"\n{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores, load {os.getloadavg()}")


if __name__ == "__main__":
    main()
