"""Everything dies at once, and is started again in any order: the cluster recovers without a person."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Sequence

from daprdockr.model.stored.keys import Keys
from tests.rig.cluster.case import WEB, ClusterTestCase
from tests.rig.cluster.host import AGENT, ENGINE, ETCD, NGINX, Host
from tests.rig.kept import healthy_kept

DB = "db.myapp"
TCP_PORT = 5432

AGENTS_FIRST = [(number, part) for part in (AGENT, ENGINE, ETCD) for number in (1, 2, 3)]
AGENTS_LAST = [(number, part) for part in (ETCD, ENGINE, AGENT) for number in (3, 1, 2)]
MIXED = [(1, AGENT), (2, ETCD), (3, ENGINE), (2, AGENT), (1, ENGINE), (3, ETCD), (1, ETCD), (3, AGENT), (2, ENGINE)]


def listens(host: Host, port: int) -> bool:
    try:
        socket.create_connection((host.address, port), timeout=5).close()
    except OSError:
        return False
    return True


def kept(host: Host) -> int:
    """How many instances of ``DB`` are healthy as the state directory of the agent has it."""
    return healthy_kept(host.directory / "state", Keys(), DB)


class ColdStartTests(ClusterTestCase):
    """The power of all hosts, or all programs but the containers, are gone in one moment."""

    def start(self, order: Sequence[tuple[int, str]]) -> None:
        for number, part in order:
            host = self.cluster.host(number)
            starters: dict[str, Callable[[Host], None]] = {
                AGENT: self.cluster.start_agent,
                ENGINE: Host.start_engine,
                ETCD: self.cluster.etcd.start,
            }
            starters[part](host)

    def recover(self, order: Sequence[tuple[int, str]]) -> None:
        """Everything runs and serves again, each instance once."""
        self.start(order)
        self.cluster.until_well()
        self.until_settled()
        self.until_serving()

    def cut_power(self) -> None:
        self.cluster.cut_power()
        for host in self.cluster.hosts:
            host.boot()

    def test_agents_first(self) -> None:
        """Agents that find neither Engine nor etcd wait for both."""
        self.cut_power()
        self.recover(AGENTS_FIRST)

    def test_agents_last(self) -> None:
        """All leases are gone before the first agent comes."""
        self.cut_power()
        self.recover(AGENTS_LAST)

    def test_mixed(self) -> None:
        """Each host starts its parts in another order."""
        self.cut_power()
        self.recover(MIXED)

    def test_without_etcd(self) -> None:
        """
        Hosts that boot where no etcd answers serve the last known names, and HTTP and TCP routes, before their agents
        know any, and start what ran on them; when etcd is back, that is what runs.
        """
        http = {"HostName": f"{DB}.test", "ContainerPort": "8080"}
        self.cluster.define(DB, 3, Http=http, Tcp=[{"Port": TCP_PORT, "ContainerPort": "8080"}])
        self.cluster.until_settled(DB, 3)
        self.until_serving()
        self.until_tcp_is_served()
        self.until_kept()
        ran = self.cluster.running()
        self.cut_power()
        for host in self.cluster.hosts:
            self.cluster.start_agent(host)
        for host in self.cluster.hosts:
            self.until_names(host)
            self.cluster.until(lambda: listens(host, 80), f"nginx of {host.name} listens")  # noqa: B023
        for host in self.cluster.hosts:
            self.assertEqual(self.ask(host, 80, seconds=2).communicate()[0], "", "a request waits for an instance")
        for host in self.cluster.hosts:
            host.start_engine()
        for host in self.cluster.hosts:
            self.until_host_serves(host, self.addresses)
        self.until_tcp_is_served()
        self.cluster.until(lambda: self.cluster.running() == ran, "what ran on the hosts runs again")
        self.assertFalse(any(host.runs(ETCD) for host in self.cluster.hosts))
        for host in self.cluster.hosts:
            self.cluster.etcd.start(host)
        self.cluster.until_well()
        self.until_settled()
        self.assertEqual(self.cluster.running(), ran, self.cluster.report())

    def until_kept(self) -> None:
        """The state directories know the newest claims, too: an agent writes what it learns a little later."""
        for host in self.cluster.hosts:
            self.cluster.until(lambda: kept(host) == 3, f"{host.name} keeps the claims of {DB}")  # noqa: B023

    def until_names(self, host: Host) -> None:
        for service in (WEB, DB):
            name = f"{service}.container"
            self.cluster.until(lambda: host.asked.dig(name).split() == self.addresses, f"{host.name} names {service}")  # noqa: B023

    def until_tcp_is_served(self) -> None:
        for host in self.cluster.hosts:
            self.cluster.until(
                lambda: DB in self.ask(host, TCP_PORT).communicate()[0],  # noqa: B023
                f"the TCP port of {host.name} leads to {DB}",
            )

    def ask(self, host: Host, port: int, seconds: int = 60) -> subprocess.Popen[str]:
        """A request that is under way."""
        command = ["curl", "-s", "-m", f"{seconds}", "-H", f"Host: {DB}.test", f"http://{host.address}:{port}/"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def test_all_but_containers(self) -> None:
        """Containers that outlived their shim and their Engine are ended by the next Engine, and started again."""
        for host in self.cluster.hosts:
            for part in (AGENT, ENGINE, "containerd", "containerd-shim", ETCD, NGINX, "nginx: worker"):
                host.kill(part)
        self.recover(MIXED)
