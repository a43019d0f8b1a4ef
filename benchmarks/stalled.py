# -*- test-case-name: tests.tools.test_bench_stalled -*-
"""
A reader that stalls for a minute: what it costs the agents in memory, and the other readers in time.

    .venv/bin/python -m benchmarks.stalled [--seconds 60]

Three agents at one Engine run six instances, which log 2,000 lines a second together. One command follows all of them
(``logs -f``) from the beginning to the end. Then others come and are stopped (SIGSTOP) for a minute: one more
``logs -f``, an ``exec`` of a program that writes as fast as it can, and a reader of ``/page/stream`` that reads nothing
while an instance changes. When they go on, both commands that follow must have every line of every instance.

The lag of a line is the time from its stamp, the Engine's, until the command has printed it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from attrs import frozen

from benchmarks.clock import BenchFailed, wait_until
from benchmarks.report import aligned, verdict
from tests.rig.agent_process import PROGRAMS, AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, unique_prefix
from tests.rig.etcd_members import EtcdMembers

INSTANCES, LINES = 6, 17
CHATTY = f"""
i=0
while true; do
  j=0
  while [ $j -lt {LINES} ]; do echo "$i of this instance, which is as long as lines are"; j=$((j+1)); i=$((i+1)); done
  usleep 50000
done
"""
"""Every instance logs about 340 lines a second, each with its number."""
BEFORE, AFTER = 15.0, 20.0
"""Seconds without a stalled reader, and those in which the stalled ones catch up."""
GOAL_MB, GOAL_LAG = 16.0, 0.5
"""A stalled reader may cost so much memory, and the others so many seconds in the median lag."""


@frozen
class Phase:
    """Of some seconds: the memory of the largest agent at the end of each (MB), and the lags of all lines."""

    name: str
    memory: Sequence[float]
    lags: Sequence[float]


class Following:
    """A command that follows the service; its lines are taken up until it is closed."""

    def __init__(self, agent: AgentProcess, *words: str) -> None:
        command = [str(PROGRAMS / "daprdockrcmd"), "-etcd", agent.etcd, "-prefix", f"/{agent.group}", *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.lags: list[float] = []
        self.numbers: dict[str, list[int]] = defaultdict(list)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            if line.startswith(b"{"):
                self._take(json.loads(line), time.time())

    def _take(self, row: dict[str, Any], now: float) -> None:
        self.lags.append(now - datetime.fromisoformat(row["Time"]).timestamp())
        self.numbers[row["Instance"]].append(int(row["Line"].partition(" ")[0]))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()


def missing_lines(numbers: dict[str, list[int]]) -> int:
    """Return how many lines are absent between the first and the last one of each instance, or are there twice."""
    return sum(max(ones) - min(ones) + 1 - len(set(ones)) + len(ones) - len(set(ones)) for ones in numbers.values())


def observe(name: str, seconds: float, agents: Sequence[AgentProcess], follower: Following) -> Phase:
    """Let time pass."""
    begin, memory = len(follower.lags), []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(1)
        memory.append(max(agent.resident() for agent in agents) / 1e6)
    return Phase(name, memory, follower.lags[begin:])


def stalled_page(agent: AgentProcess) -> socket.socket:
    """Ask for the stream of the page, and read nothing of it."""
    reader = socket.create_connection(("127.0.0.1", agent.api_port))
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.sendall(b"GET /page/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return reader


def started(etcd: str, stack: ExitStack) -> list[AgentProcess]:
    """Return three agents that are well, and run the service."""
    group = unique_prefix()
    agents = [AgentProcess(etcd, engine_url(), prefix=group, node=f"{group}-{name}") for name in "abc"]
    for agent in agents:
        stack.callback(agent.close)
        agent.spawn(6)
    for agent in agents:
        wait_until(agent.is_well, f"the agent of {agent.node} is well")
    # Instances would move to nodes that are ready later, and log anew there.
    wait_until(lambda: _ready(agents[0]) == len(agents), "all nodes are ready")
    container = {"Image": sample_image(), "Entrypoint": ["sh", "-c", CHATTY]}
    chat = {"Name": "chat", "Group": group, "Instances": INSTANCES, "Container": container, "Health": {"Type": "none"}}
    agents[0].command("-stdin", stdin=json.dumps(chat))
    agents[0].command("wait", f"chat.{group}")
    return agents


def _ready(agent: AgentProcess) -> int:
    return sum(node["Ready"] for node in json.loads(agent.command("nodes", "-o", "json")))


def measure(agents: Sequence[AgentProcess], seconds: float) -> tuple[list[Phase], int]:
    """Return what was seen before, during and after the stall, and how many lines the readers lack."""
    service = f"chat.{agents[0].group}"
    with ExitStack() as stack:
        first = Following(agents[0], "logs", "-f", "-tail", "0", service, "-o", "json")
        stack.callback(first.close)
        wait_until(lambda: len(first.numbers) == INSTANCES, "lines of all instances arrive")
        phases = [observe("before", BEFORE, agents, first)]
        second = Following(agents[0], "logs", "-f", "-tail", "0", service, "-o", "json")
        writing = Following(agents[0], "exec", f"1.{service}", "--", "yes", "a line that nobody reads")
        stalled = (second, writing)
        for one in stalled:
            stack.callback(one.close)
        wait_until(lambda: len(second.numbers) == INSTANCES, "the second reader has lines of all instances")
        for agent in agents:
            stack.callback(stalled_page(agent).close)
        for one in stalled:
            one.process.send_signal(signal.SIGSTOP)
        phases.append(observe("stalled", seconds, agents, first))
        writing.process.kill()
        second.process.send_signal(signal.SIGCONT)
        phases.append(observe("after", AFTER, agents, first))
        for one in (first, second):
            one.close()
        behind = max(first.numbers[name][-1] - second.numbers[name][-1] for name in first.numbers)
        if behind > 2 * LINES * 20:
            raise BenchFailed(f"the reader that was stalled is {behind} lines behind")
        return phases, missing_lines(first.numbers) + missing_lines(second.numbers)


def report(phases: Sequence[Phase], lost: int) -> str:
    """Return a table, and the verdicts."""
    rows = [["", "largest agent, MB: first", "most", "lines/s", "lag, ms: median", "99 %", "longest"]]
    for one in phases:
        lags = sorted(one.lags)
        spread = (statistics.median(lags), lags[int(len(lags) * 0.99)], lags[-1])
        sizes = [f"{one.memory[0]:.1f}", f"{max(one.memory):.1f}"]
        rows.append([one.name, *sizes, f"{len(lags) / len(one.memory):,.0f}", *(f"{lag * 1000:.0f}" for lag in spread)])
    before, stalled = phases[0], phases[1]
    growth = max(stalled.memory) - max(before.memory)
    slower = statistics.median(stalled.lags) - statistics.median(before.lags)
    verdicts = [
        f"stalled readers cost at most {GOAL_MB:g} MB: {growth:.1f}, {verdict(growth <= GOAL_MB)}",
        f"and the others at most {GOAL_LAG:g} s: {slower:.3f}, {verdict(slower <= GOAL_LAG)}",
        f"no line is lost or comes twice: {lost}, {verdict(not lost)}",
    ]
    return "\n".join([*aligned(rows), "", "goals:", *verdicts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    with ExitStack() as stack:
        etcd = stack.enter_context(EtcdMembers(1))
        agents = started(etcd.urls, stack)
        print(report(*measure(agents, given.seconds)))
    print(f"\n{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores, load {os.getloadavg()}")


if __name__ == "__main__":
    main()
