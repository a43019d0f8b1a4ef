"""
Hosts on which ``daprdockrcmd init`` and ``join`` make a cluster: machines with a Docker Engine, and nothing else yet.

Agents are started by the command that ``init`` and ``join`` print where there is no systemd.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from tests.rig.cluster.cluster import COMMAND, in_parallel
from tests.rig.cluster.home import Home
from tests.rig.cluster.host import AGENT, TWISTD, Host
from tests.rig.cluster.machine import INSIDE
from tests.rig.cluster.network import Network
from tests.rig.docker_engine import until

PATIENCE = 60.0


class FoundingHosts:
    """:param count: how many."""

    def __init__(self, count: int) -> None:
        self.home = Home()
        self.network = Network(self.home.lock, self.home.path / "lines.log")
        self._count = count
        self._complaint = ""
        self.hosts: list[Host] = []

    def open(self) -> None:
        self.network.open()
        self.more(self._count)

    def more(self, count: int) -> list[Host]:
        """Boot so many further hosts, and return them."""
        number = len(self.hosts) + 1
        new = [Host(number, self.home, self.network) for number in range(number, number + count)]
        self.hosts += new
        for host in new:
            host.boot()
            host.start_engine()
        in_parallel(Host.load_image, new)
        return new

    def close(self) -> None:
        """End it all and leave nothing."""
        for host in self.hosts:
            host.machine.pull_plug()
        for host in self.hosts:
            host.cut_power()
        self.network.close()
        self.home.remove()

    def start_agent(self, host: Host) -> None:
        command = [TWISTD, "-n", "--pidfile=", "daprdockr", "--docker", host.engine, "--api", "0.0.0.0:5080"]
        command += ["--dns-upstream", "none", "--state-dir", self.state(host), "--lease-ttl", "5"]
        host.machine.spawn(command, host.directory / f"{AGENT}.log")

    def state(self, host: Host) -> str:
        return str(host.directory / "state")

    def begin(self, host: Host, *words: str) -> subprocess.Popen[str]:
        """Run ``daprdockrcmd`` on a host, with the cluster that the host belongs to, without waiting for its end."""
        return subprocess.Popen(self._command(host, words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def command(self, host: Host, *words: str, stdin: str = "", status: int = 0) -> str:
        """Run ``daprdockrcmd`` on a host; it must end with this status; what it prints, errors too."""
        done = subprocess.run(
            self._command(host, words),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert done.returncode == status, f"{host.name}: {words}: {done.returncode}: {done.stdout}\n{self.report()}"
        return done.stdout

    def _command(self, host: Host, words: Sequence[str]) -> list[str]:
        enter = ["nsenter", f"--target={host.machine.pid}", *INSIDE]
        return [*enter, COMMAND, *words, "-state-dir", self.state(host)]

    def rows(self, host: Host, *words: str) -> list[dict[str, Any]]:
        """
        The rows of a table that a command prints; none where it fails, as it may while etcd elects. A warning beside
        them does no harm.
        """
        printed, self._complaint = self.begin(host, *words, "-o", "json").communicate(timeout=120)
        return list(json.loads(printed or "[]"))

    def until(self, condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """:raises AssertionError: with the state of the hosts."""
        try:
            until(condition, seconds)
        except AssertionError:
            raise AssertionError(f"{what}: not within {seconds:g} s\n{self._complaint}\n{self.report()}") from None

    def report(self) -> str:
        return "\n".join(host.tail(AGENT) for host in self.hosts if host.machine.is_on)
