"""
A whole cluster on this machine: hosts with a Docker Engine, an agent, DNS, nginx and an address each, and three
members of etcd on the first of them.

    cluster = shared()
    cluster.define("web.myapp", 12)
    cluster.until_settled("web.myapp", 12)
    cluster.network.cut_from_all(2)

Everything can be harmed by its host and by ``network``; ``reset`` puts it right again for the next test.
``python -m tests.rig.cluster`` brings one up to play with.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from tests.rig.cluster.etcd import ELECTION, Members
from tests.rig.cluster.home import Home
from tests.rig.cluster.host import AGENT, ENGINE, ETCD, Host, Wishes
from tests.rig.cluster.network import Network
from tests.rig.docker_engine import SAMPLE, until

COMMAND = str(Path(sys.executable).with_name("daprdockrcmd"))
MEMBERS = 3
PATIENCE = 90.0
PROGRAMS = ("unshare", "nsenter", "ip", "iptables-restore", "dockerd", "etcd", "etcdctl", "nginx", "dig", "curl")

T = TypeVar("T")


def missing() -> str | None:
    """Why tests on a cluster are skipped; None to run them, which fails loudly where ``CI`` is set."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if os.environ.get("CI") or (os.geteuid() == 0 and not absent):
        return None
    return f"not installed: {', '.join(absent)}" if absent else "a cluster needs root"


@functools.cache
def shared(hosts: int = 3) -> Cluster:
    """
    The cluster of all tests that ``reset`` it; closed when Python ends, for it takes ten seconds to start.

    Its agents do not rebalance, so that a test can tell what was moved without need.
    """
    cluster = Cluster(hosts, options=("--no-rebalance",))
    atexit.register(cluster.close)
    cluster.open()
    return cluster


class Cluster:
    """
    :param count: how many hosts, at least three.
    :param ttl: of the nodes' leases, in seconds.
    :param options: more options of every agent.
    :param election: milliseconds without a beat after which members of etcd elect another leader.
    """

    def __init__(self, count: int = 3, ttl: int = 5, options: tuple[str, ...] = (), election: int = ELECTION) -> None:
        self.home = Home()
        self.network = Network(self.home.lock, self.home.path / "lines.log")
        self.hosts: list[Host] = []
        self.etcd = Members((), self.home.path.name, election)
        self._count = count
        self._ttl = ttl
        self._options = options

    def host(self, number: int) -> Host:
        return self.hosts[number - 1]

    def open(self) -> None:
        self.network.open()
        self.hosts = [Host(number, self.home, self.network) for number in range(1, self._count + 1)]
        self.etcd = Members(self.hosts[:MEMBERS], self.home.path.name, self.etcd.election)
        self.boot()
        self.until_well()

    def close(self) -> None:
        """End it all and leave nothing."""
        self.cut_power()
        self.network.close()
        self.home.remove()

    def cut_power(self) -> None:
        """Of all hosts at once."""
        for host in self.hosts:
            host.machine.pull_plug()
        for host in self.hosts:
            host.cut_power()

    def boot(self) -> None:
        """Boot the hosts that are off, with all their parts."""
        off = [host for host in self.hosts if not host.machine.is_on]
        for host in off:
            host.boot()
        self.start_missing()

    def start_missing(self) -> None:
        """Start the parts that do not run."""
        for host in self.hosts:
            if host in self.etcd.hosts and not host.runs(ETCD):
                self.etcd.start(host)
            if not host.runs(ENGINE):
                host.start_engine()
        in_parallel(Host.load_image, self.hosts)
        for host in self.hosts:
            if not host.runs(AGENT):
                self.start_agent(host)

    def start_agent(self, host: Host, options: tuple[str, ...] | None = None) -> None:
        """With other ``options`` than the cluster's if some are given."""
        host.start_agent(Wishes(self.etcd.urls, self._ttl, self._options if options is None else options))

    def restart_agents(self, options: tuple[str, ...] | None = None) -> None:
        """End all agents in good order and start them with other ``options``, and leases of their own."""
        leases = self.etcd.leases()
        in_parallel(lambda host: host.end(AGENT), self.hosts)
        self.etcd.revoke(*leases)  # they were kept for the next agents, with the length that they have
        for host in self.hosts:
            self.start_agent(host, options)

    # Services.

    def command(self, *words: str, stdin: str = "") -> str:
        """Run ``daprdockrcmd``, which must succeed; what it prints."""
        done = self.try_command(*words, stdin=stdin)
        if done.returncode != 0:
            raise AssertionError(f"daprdockrcmd {' '.join(words)}: {done.returncode}: {done.stderr}\n{self.report()}")
        return done.stdout

    def try_command(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run ``daprdockrcmd``; its exit status and what it printed."""
        return subprocess.run(
            [COMMAND, "-etcd", self.etcd.urls, *words], input=stdin, capture_output=True, text=True, timeout=120
        )

    def begin_command(self, *words: str) -> subprocess.Popen[str]:
        """Run ``daprdockrcmd`` without waiting for its end."""
        return subprocess.Popen(
            [COMMAND, "-etcd", self.etcd.urls, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def define(self, service: str, instances: int, **more: Any) -> None:
        """Store a definition of sample instances; they answer HTTP at ``<service>.test``."""
        name, group = service.split(".")
        http = {"HostName": f"{service}.test", "ContainerPort": "8080"}
        definition = {"Name": name, "Group": group, "Instances": instances, "Container": {"Image": SAMPLE}}
        self.command("-stdin", stdin=json.dumps(definition | {"Http": http} | more))

    def claims(self, service: str) -> dict[str, dict[str, Any]]:
        """The record of each claimed instance, by its name. :raises OSError: if no member answers."""
        return self._held(service, successors=False)

    def successors(self, service: str) -> dict[str, dict[str, Any]]:
        """The records of successors, by the instance's name. :raises OSError: if no member answers."""
        return self._held(service, successors=True)

    def _held(self, service: str, *, successors: bool) -> dict[str, dict[str, Any]]:
        name, group = service.split(".")
        start = f"instances/{group}/{name}/"
        found = {key.partition(start)[2]: json.loads(value) for key, value in self.stored(start).items()}
        kind = "next" if successors else ""
        wanted = {key: value for key, value in found.items() if key.partition("/")[2] == kind}
        return {f"{key.partition('/')[0]}.{service}": value for key, value in wanted.items()}

    def stored(self, below: str) -> dict[str, bytes]:
        """The values in etcd below our prefix and this. :raises OSError: if no member answers."""
        return self.etcd.values(f"/daprdockr/{below}")

    def running(self) -> dict[str, list[tuple[str, str]]]:
        """Host and id of the containers that run, by instance, over all hosts that are on."""
        places: dict[str, list[tuple[str, str]]] = {}
        for host in self.hosts:
            for instance, container in (host.running() if host.machine.is_on else {}).items():
                places.setdefault(instance, []).append((host.name, container))
        return places

    def starts(self) -> dict[str, str]:
        """When each container that runs on any host was started last, by id."""
        return {id: start for host in self.hosts for id, start in host.starts().items()}

    def is_settled(self, service: str, instances: int) -> bool:
        """Whether each instance is claimed, healthy, and runs where its claim says and nowhere else."""
        try:
            claims, running = self.claims(service), self.running()
        except (OSError, ValueError):
            return False
        told = {name: [(claim["Node"], claim["ContainerId"])] for name, claim in claims.items() if claim["Healthy"]}
        return len(told) == instances and told == {n: p for n, p in running.items() if n.endswith(f".{service}")}

    def shares(self, service: str) -> list[int]:
        """How many instances each host has claimed."""
        nodes = [claim["Node"] for claim in self.claims(service).values()]
        return [nodes.count(host.name) for host in self.hosts]

    # Waiting.

    def until(self, condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """
        Wait for what gives no event. Where no member of etcd answers, as while they elect, or an Engine does not, it is
        not there yet.

        :raises AssertionError: with the state of the cluster.
        """
        silent = ""

        def is_so() -> bool:
            nonlocal silent
            try:
                return condition()
            except OSError as error:
                silent = f"; the last error is {error!r}"
                return False

        try:
            until(is_so, seconds)
        except AssertionError:
            raise AssertionError(f"{what}: not within {seconds:g} s{silent}\n{self.report()}") from None

    def until_settled(self, service: str, instances: int) -> None:
        self.until(lambda: self.is_settled(service, instances), f"{service} settles on {instances} instances")

    def outlive_leases(self) -> None:
        """Wait for three times a lease, for there is no event to wait for when nothing is to happen."""
        over = monotonic() + 3 * self._ttl
        until(lambda: monotonic() > over)

    def until_well(self) -> None:
        """Wait until etcd is whole, each agent says that all is well, and each node may be given instances."""
        self.until(self.etcd.is_whole, "all members of etcd are in touch with a leader")
        for host in self.hosts:
            self.until(host.asked.is_well, f"{host.name} is well")
        self.until(self._all_are_ready, "all nodes are ready")

    def _all_are_ready(self) -> bool:
        """A node is ready after some good beats under its lease; what is defined before goes to the others."""
        try:
            records = self.stored("nodes/")
        except OSError:
            return False
        ready = {key.rpartition("/")[2] for key, record in records.items() if json.loads(record)["Ready"]}
        return ready == {host.name for host in self.hosts}

    def reset(self) -> None:
        """Undo all harm, delete all services and wait until nothing of them is left."""
        for host in self.hosts:
            if host.machine.is_on:
                self.network.heal(host.number)
                for part in (AGENT, ENGINE, ETCD):
                    host.thaw(part)
        self.boot()
        self.until_well()
        for path in self.stored("services/"):
            group, name = path.split("/")[-2:]
            self.command("-svc", f"{name}.{group}", "-del")
        for path in self.stored("cordons/"):
            self.command("uncordon", path.rpartition("/")[2])
        self.until(lambda: not any(host.containers() for host in self.hosts), "no container is left")
        self.until(lambda: not self.stored("instances/"), "no claim is left")

    def report(self) -> str:
        """The lines that a person would read first."""
        told = [f"{host.name}: {host.asked.trouble() or 'well'}" for host in self.hosts]
        logs = [host.tail(part) for part in (AGENT,) for host in self.hosts]
        return os.linesep.join([*told, *logs])


def in_parallel(call: Callable[[Host], T], hosts: Iterable[Host]) -> list[T]:
    """Call for all hosts side by side; the results in their order."""
    with ThreadPoolExecutor() as threads:
        return list(threads.map(call, hosts))
