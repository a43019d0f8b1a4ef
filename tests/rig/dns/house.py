"""
A house for tests: a machine with an agent and name servers of its own, cut off from the world.

    house = House(["203.0.113.53:53", "127.0.0.2:5301"])
    house.open()
    house.start_agent("--dns-upstream", "203.0.113.53")
    house.dig("www.example.com")

Each name server gives its own address for every name, and writes down what it was asked. Run as a program this
module is those name servers. The agent has neither etcd nor an Engine, which its DNS does not need.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rrset

from tests.rig.agent_process import PROGRAMS
from tests.rig.cluster.machine import Machine
from tests.rig.dns.upstream import Upstream
from tests.rig.docker_engine import until

NETWORK_AND_FILES = ("--mount", "--net")


class House:
    """:param servers: addresses with ports; ``close`` it in a cleanup."""

    def __init__(self, servers: Sequence[str]) -> None:
        self._servers = list(servers)
        self._home = Path(tempfile.mkdtemp(prefix="house-"))
        self._lock = os.open(self._home / "lock", os.O_CREAT | os.O_RDWR)
        self._machine = Machine("house", self._lock)
        self._resolv_conf = self._home / "resolv.conf"

    def open(self) -> None:
        self._machine.boot()
        for server in self._servers:
            address = server.rpartition(":")[0]
            if not address.startswith("127."):
                self._machine.run("ip", "address", "add", f"{address}/32", "dev", "lo")
        self.name_servers()
        self._machine.run("mount", "--bind", str(self._resolv_conf), "/etc/resolv.conf", inside=NETWORK_AND_FILES)
        self._machine.spawn([sys.executable, "-m", __name__, *self._servers], self._home / "questions")
        until(lambda: "ready" in self._said("questions"))

    def start_agent(self, *options: str) -> None:
        """Start the agent, and wait until its DNS listens at 127.0.0.1."""
        command = [str(PROGRAMS / "twistd"), "-n", "--pidfile=", "daprdockr", "--etcd", "http://127.0.0.1:1"]
        command += ["--docker", f"unix://{self._home}/none.sock", "--node", "a", "--host", "127.0.0.1"]
        command += [
            "--dns",
            "127.0.0.1:53",
            "--http",
            "off",
            "--api",
            "off",
            "--peer",
            "off",
            "--state-dir",
            f"{self._home}/state",
        ]
        self._machine.spawn([*command, *options], self._home / "log")
        until(lambda: self.dig("localhost") == "127.0.0.1")

    def close(self) -> None:
        self._machine.cut_power()
        os.close(self._lock)
        shutil.rmtree(self._home, ignore_errors=True)

    def name_servers(self, *addresses: str) -> None:
        """Write ``/etc/resolv.conf``."""
        self._resolv_conf.write_text("".join(f"nameserver {address}\n" for address in addresses))

    def dig(self, name: str, kind: str = "A") -> str:
        """The result for a client of the agent: the answer, or else the response code; "" when nobody answers."""
        words = ["dig", "@127.0.0.1", name, kind, "+time=5", "+tries=1", "+noall", "+comments", "+answer"]
        out = self._machine.run("sh", "-c", f"{' '.join(words)} || :")
        found = re.search(rf"\sIN\s+{kind}\s+(\S+)", out) or re.search(r"status: (\w+)", out)
        return found[1] if found else ""

    def asked(self, server: str) -> set[str]:
        """The names that a name server was asked for."""
        lines = [line.split() for line in self._said("questions").splitlines()]
        return {name for address, name in (line for line in lines if len(line) == 2) if address == server}

    def log(self) -> str:
        return self._said("log")

    def _said(self, what: str) -> str:
        file = self._home / what
        return file.read_text("utf-8", "replace") if file.exists() else ""


def _serve(reactor: Any, address: str, port: int) -> None:
    def rule(query: dns.message.Message, stream: bool) -> list[bytes]:
        name = query.question[0].name
        print(f"{address}:{port}", name.to_text(omit_final_dot=True), flush=True)
        reply = dns.message.make_response(query, recursion_available=True)
        reply.answer.append(dns.rrset.from_text(name, 60, "IN", "A", address))
        return [reply.to_wire()]

    Upstream(reactor, rule, address, port)


def main(servers: Sequence[str]) -> None:
    from twisted.internet import reactor

    runs: Any = reactor
    for server in servers:
        address, _, port = server.rpartition(":")
        _serve(runs, address, int(port))
    print("ready", flush=True)
    runs.run()


if __name__ == "__main__":
    main(sys.argv[1:])
