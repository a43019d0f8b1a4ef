"""
Make a cluster on three hosts that are nothing but a fresh Debian, and time it.

    .venv/bin/python -m tests.fresh [--suite trixie] [--debian DIR]

A person's commands are taken from docs/guide/installing.rst, and from what ``init`` prints: there is no systemd on
these hosts. Measured from ``init`` on, when all packages are in. ``--suite`` names another release than Debian 12, and
``--debian`` keeps the fresh Debian for other runs.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from tests.fresh.roots import OWN, FreshHost, make_debian
from tests.rig.cluster.home import Home
from tests.rig.cluster.network import Network
from tests.rig.docker_engine import SAMPLE, until

MOST = 180.0
"""Seconds that the issue allows for typing and waiting."""

STARTED_BY_HAND = re.compile(r"started at each boot: (.+)")
SERVED = {f"{number}.web.myapp 1" for number in (1, 2, 3)}


class FreshCluster:
    """:param debian: where the fresh Debian is."""

    def __init__(self, debian: Path) -> None:
        self._debian = debian
        self._home = Home()
        self._network = Network(self._home.lock, self._home.path / "lines.log")
        self.hosts: list[FreshHost] = []
        self._began = 0.0

    def open(self) -> None:
        self._network.open()
        self.hosts = [FreshHost(number, self._home, self._network) for number in (1, 2, 3)]
        for host in self.hosts:
            host.boot(self._debian)
        for host in self.hosts:
            until(partial(host.succeeds, "curl -sf --unix-socket /var/run/docker.sock http://localhost/_ping"))
            host.type("cd /usr/src/daprdockr; /opt/daprdockr/bin/python -m tools.build_image")
        self._began = time.monotonic()

    def close(self) -> None:
        for host in self.hosts:
            host.cut_power()
        self._network.close()
        self._home.remove()

    def report(self) -> str:
        """The ends of the logs."""
        files = [file for host in self.hosts for file in sorted(host.directory.glob("*.log"))]
        return "\n".join(f"-- {file.name} of {file.parent.name}\n{file.read_text('utf-8')[-2000:]}" for file in files)

    def say(self, what: str) -> float:
        """Print what happened, and when; the seconds since ``init`` was typed."""
        passed = time.monotonic() - self._began
        print(f"{passed:6.1f} s  {what}", flush=True)
        return passed

    def make_part(self, host: FreshHost, command: str) -> list[str]:
        """Type ``init`` or ``join``, and the command that it prints; the lines that it printed."""
        typed, lines = host.begin(command), list[str]()
        assert typed.stdout is not None
        for line in typed.stdout:
            lines.append(line.rstrip())
            if found := STARTED_BY_HAND.search(line):
                host.machine.spawn(["sh", "-lc", found[1]], host.directory / "agent.log")
        assert typed.wait(60) == 0, "\n".join(lines)
        self.say(f"{host.name}# {command[:40]}")
        return lines

    def is_served(self, host: FreshHost) -> bool:
        """Whether it answers; an instance of its own is preferred."""
        return host.type(f"curl -s -H 'Host: demo.test' http://{host.address}/ || true").strip() in SERVED

    def rows(self, host: FreshHost) -> list[tuple[str, str]]:
        return [(row["Node"], row["Etcd"]) for row in json.loads(host.type("daprdockrcmd nodes -o json"))]


def made(cluster: FreshCluster) -> float:
    """Make the cluster, and have it serve; the seconds that it took."""
    one, two, three = cluster.hosts
    join = cluster.make_part(one, "daprdockrcmd init")[-1]
    for host in (two, three):
        cluster.make_part(host, join)
    until(lambda: [etcd for _, etcd in cluster.rows(three)] == ["votes"] * 3, 60)
    cluster.say("three members of etcd vote")
    wish = f"-svc web.myapp -image {SAMPLE} -instances 3 -http-host demo.test -http-port 8080"
    three.type(f"daprdockrcmd -set {wish}; daprdockrcmd wait web.myapp")
    for host in cluster.hosts:
        until(partial(cluster.is_served, host), 60)
    print(three.type("daprdockrcmd nodes; daprdockrcmd ps"))
    return cluster.say("HTTP is answered by all three, from all three")


def main() -> int:
    parser = argparse.ArgumentParser(prog="fresh", description="Make a cluster of three fresh Debian hosts.")
    parser.add_argument("--debian", type=Path, help="where the fresh Debian is, or is to be made")
    parser.add_argument("--suite", default=OWN, help="the release of Debian, by its code name; %(default)s")
    given = parser.parse_args()
    home = Home()
    debian = given.debian or home.path / "debian"
    if not debian.exists():
        print(f"making a fresh Debian ({given.suite}) in {debian} (some minutes)", flush=True)
        make_debian(debian, given.suite)
    cluster = FreshCluster(debian)
    try:
        cluster.open()
        passed = made(cluster)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        print(error, cluster.report(), sep="\n")
        return 1
    finally:
        cluster.close()
        home.remove()
    return int(passed > MOST)


if __name__ == "__main__":
    sys.exit(main())
