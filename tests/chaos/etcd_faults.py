"""
The time that each command takes while etcd, a disk or a clock fails in a way that lasts, and the containers that stop.

    .venv/bin/python -m tests.chaos.etcd_faults [--report FILE] [--only NAMES]

It brings up three hosts with a member of etcd each, on disks of their own, and takes some minutes. It needs root, and
strace. The exit status is 1 if a container was stopped or started anew, and 2 if it could not do what it has to.

Note [A slow disk]
    strace delays the return of each ``fdatasync`` and ``fsync`` of etcd by a second. That is what a disk does whose
    cache is flushed slowly: reads and writes of etcd are as fast as before, and all its promises take a second.

Note [A full disk]
    Each host has a tmpfs for everything that it writes: etcd's data, the Engine's, the agent's and all logs. A filler
    leaves no byte of it. A part that ended for want of room is started again when there is some, as systemd would.

Note [Whose clock]
    Only the agent's: see ``tests.rig.wall_clock``. etcd times its leases by a monotonic clock.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

from attrs import define, frozen

from tests.rig.cluster.cluster import MEMBERS, Cluster, missing
from tests.rig.cluster.host import AGENT, ETCD, Host, Wishes
from tests.rig.cluster.network import CLIENT
from tests.rig.wall_clock import Clock

LIMIT = 1500
"""Seconds after which the whole is given up: several times what it takes."""

TTL, ELECTION = 6, 1000
"""Seconds of the leases, as an agent has them by default; and etcd's own default, which suits slow disks better."""

WEB, PROBE, COUNT = "web.myapp", "probe.myapp", 6
DISK = "size=900m,mode=0755"
DELAY = 1_000_000
"""Microseconds: see Note [A slow disk]."""

WAITS = "20"
"""Seconds."""

OK = 0
COMMANDS = ("-set", "wait", "ps", "status", "why", "nodes", "events", "status, on a host")


class DiskCluster(Cluster):
    """Each host has a disk of its own: see Note [A full disk]."""

    def boot(self) -> None:
        for host in self.hosts:
            if not os.path.ismount(host.directory):
                subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "host", str(host.directory)], check=True)
        super().boot()

    def close(self) -> None:
        self.cut_power()
        for host in self.hosts:
            subprocess.run(["umount", "--lazy", str(host.directory)], check=False)
        super().close()

    def fill(self, host: Host) -> None:
        with (host.directory / "filler").open("ab", buffering=0) as filler:
            for size in (1 << 20, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(bytes(size))

    def empty(self, host: Host) -> None:
        (host.directory / "filler").unlink()


@define
class Scenery:
    """The cluster, the clock of the last host's agent, and what delays etcd."""

    cluster: DiskCluster
    clock: Clock
    delaying: subprocess.Popen[bytes] | None = None

    def slow_down(self) -> None:
        """See Note [A slow disk]."""
        calls = "fsync,fdatasync"
        options = ["-f", "-qq", "-o", os.devnull, "-e", f"trace={calls}", "-e", f"inject={calls}:delay_exit={DELAY}"]
        pids = [f"--attach={pid}" for host in self.cluster.hosts for pid in host.machine.pids(ETCD)]
        self.delaying = subprocess.Popen(["strace", *options, *pids], stdin=subprocess.DEVNULL)

    def speed_up(self) -> None:
        if self.delaying is not None:
            self.delaying.send_signal(signal.SIGTERM)
            self.delaying.wait(30)
            self.delaying = None

    def kill_two(self) -> None:
        for host in self.cluster.hosts[:2]:
            host.kill(ETCD)

    def fill(self, hosts: Sequence[Host]) -> Callable[[], None]:
        return partial(self._each, self.cluster.fill, hosts)

    def empty(self, hosts: Sequence[Host]) -> Callable[[], None]:
        return partial(self._each, self.cluster.empty, hosts)

    def _each(self, do: Callable[[Host], None], hosts: Sequence[Host]) -> None:
        for host in hosts:
            do(host)

    def set_clock(self, hours: int) -> Callable[[], None]:
        return lambda: self.clock.ahead(timedelta(hours=hours))


@frozen
class Situation:
    """A fault, and the way back from it."""

    name: str
    begin: Callable[[], object]
    heal: Callable[[], object]


@define
class Findings:
    """Seconds and exit status of each command, containers that were stopped, seconds until all was well again."""

    took: dict[str, tuple[float, int]]
    stopped: int
    healed: float
    fsync: float
    lines: list[str]

    def cells(self) -> list[str]:
        shown = [f"{seconds:.1f}" + ("" if status == OK else f" ({status})") for seconds, status in self.took.values()]
        return [*shown, f"{self.healed:.1f}", str(self.stopped)]


def situations(scenery: Scenery) -> list[Situation]:
    hosts = scenery.cluster.hosts
    return [
        Situation("nothing", lambda: None, lambda: None),
        Situation("slow fsync", scenery.slow_down, scenery.speed_up),
        Situation("2 members killed", scenery.kill_two, lambda: None),
        Situation("a disk full", scenery.fill(hosts[:1]), scenery.empty(hosts[:1])),
        Situation("all disks full", scenery.fill(hosts), scenery.empty(hosts)),
        Situation("clock +1 h", scenery.set_clock(1), scenery.set_clock(0)),
        Situation("clock -1 h", scenery.set_clock(-1), scenery.set_clock(0)),
    ]


def words_of(command: str, number: int, host: Host) -> list[str]:
    """Return the words of a command; ``number`` are the instances that the probe is to have."""
    return {
        "-set": ["-set", "-svc", PROBE, "-instances", str(number)],
        "wait": ["wait", PROBE, "-timeout", WAITS],
        "why": ["why", WEB],
        "status, on a host": ["status", "-state-dir", str(host.directory / "state")],
    }.get(command, [command])


def fsync_of(host: Host) -> tuple[float, float]:
    """The seconds that etcd's log has waited for its disk so far, and how often."""
    try:
        with urllib.request.urlopen(f"http://{host.address}:{CLIENT}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return 0.0, 0.0
    found = [re.search(rf"^etcd_disk_wal_fsync_duration_seconds_{kind} (\S+)", text, re.M) for kind in ("sum", "count")]
    total, count = (float(match[1]) if match else 0.0 for match in found)
    return total, count


def suffer(cluster: Cluster, situation: Situation, number: int) -> Findings:
    """Have it last, give each command, and undo it."""
    before, places, host, lines = claimed(cluster), names(cluster), cluster.hosts[-1], list[str]()
    total, count = fsync_of(host)
    took: dict[str, tuple[float, int]] = {}
    situation.begin()
    try:
        cluster.outlive_leases()
        for command in COMMANDS:
            began = time.monotonic()
            done = cluster.try_command(*words_of(command, number, host))
            took[command] = (time.monotonic() - began, done.returncode)
            if done.returncode != OK:
                lines.append(f"{command}: {done.stderr.strip() or done.stdout.strip()}")
        total, count = (now - then for now, then in zip(fsync_of(host), (total, count), strict=True))
    finally:
        situation.heal()
    began = time.monotonic()
    cluster.start_missing()
    cluster.until_well()
    cluster.until_settled(PROBE, number if took["-set"][1] == OK else len(cluster.claims(PROBE)))
    cluster.until_settled(WEB, COUNT)
    healed = time.monotonic() - began
    after = cluster.starts()
    stopped = [places[container] for container, start in before.items() if after.get(container) != start]
    if stopped:
        lines += [f"stopped: {', '.join(stopped)}", *logged(cluster, {one.split()[0] for one in stopped})]
    return Findings(took, len(stopped), healed, total / count if count > 0 else 0.0, lines)


def claimed(cluster: Cluster) -> dict[str, str]:
    """
    Return when each container was started that a claim names. A second copy of an instance is none of these: its node
    stops it when it finds that the instance runs elsewhere.
    """
    ids = {claim["ContainerId"] for service in (WEB, PROBE) for claim in cluster.claims(service).values()}
    return {container: start for container, start in cluster.starts().items() if container in ids}


def logged(cluster: Cluster, instances: Iterable[str]) -> Iterator[str]:
    """Yield the lines of all agents about some instances."""
    for host in cluster.hosts:
        for line in host.log(AGENT).splitlines():
            if any(instance in line for instance in instances):
                yield f"{host.name}: {line}"


def names(cluster: Cluster) -> dict[str, str]:
    """Return the instance and the host of each container that runs."""
    return {
        container: f"{instance} on {host}" for instance, found in cluster.running().items() for host, container in found
    }


def table(found: dict[str, Findings]) -> str:
    """Return a simple table of reStructuredText; an exit status other than 0 stands in parentheses."""
    rows = [["situation", *COMMANDS, "well after", "stopped"]]
    rows += [[name, *findings.cells()] for name, findings in found.items()]
    turned = list(zip(*rows, strict=True))
    widths = [max(len(row[column]) for row in turned) for column in range(len(turned[0]))]
    ruler = "  ".join("=" * width for width in widths)
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in turned]
    return "\n".join([ruler, lines[0], ruler, *lines[1:], ruler])


def start_clocked(cluster: Cluster, clock: Clock) -> None:
    """The agent of the last host gets a clock that can be set."""
    host = cluster.hosts[-1]
    host.end(AGENT)
    host.start_agent(Wishes(cluster.etcd.urls, TTL, ("--no-rebalance",), clock.environment))
    cluster.until_well()


def carry_out(only: Sequence[str]) -> dict[str, Findings]:
    cluster = DiskCluster(MEMBERS, TTL, ("--no-rebalance",), ELECTION)
    scenery = Scenery(cluster, Clock(cluster.home.path / "clock"))
    found: dict[str, Findings] = {}
    try:
        cluster.open()
        start_clocked(cluster, scenery.clock)
        cluster.define(WEB, COUNT)
        cluster.define(PROBE, 1)
        cluster.until_settled(WEB, COUNT)
        cluster.until_settled(PROBE, 1)
        chosen = [one for one in situations(scenery) if one.name in only or not only]
        for number, situation in enumerate(chosen, 2):
            findings = found[situation.name] = suffer(cluster, situation, number)
            print(f"{situation.name}: {findings.cells()}, fsync {findings.fsync:.3f} s in the mean", flush=True)
            print("".join(f"    {line}\n" for line in findings.lines), end="", flush=True)
    finally:
        scenery.speed_up()
        signal.alarm(0)
        cluster.close()
    return found


def too_long(number: int, frame: object) -> None:
    raise AssertionError(f"not done after {LIMIT} s")


def interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos.etcd_faults", description=__doc__.strip().splitlines()[0])
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--only", default="", metavar="NAMES", help="only these situations, separated by ;")
    wanted = parser.parse_args(words)
    if reason := missing():
        parser.error(reason)
    signal.signal(signal.SIGALRM, too_long)
    signal.signal(signal.SIGTERM, interrupted)
    signal.alarm(LIMIT)
    began, load = time.strftime("%Y-%m-%d %H:%M"), os.getloadavg()[0]
    found = carry_out([name for name in wanted.only.split(";") if name])
    where = f"{began}, {os.cpu_count()} cores, Linux {platform.release()}, load {load:.1f} to {os.getloadavg()[2]:.1f}"
    told = f"{table(found)}\n\n{where}\n"
    print(f"\n{told}", flush=True)
    if wanted.report is not None:
        wanted.report.write_text(told, encoding="utf-8")
    return int(any(findings.stopped for findings in found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
