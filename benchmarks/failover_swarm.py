"""
Swarm mode on the hosts of a cluster: a manager on each, so that any one of them can be lost.

No overlay network and no routing mesh take part: each task publishes its port on its own host, see
Note [Ports in host mode] in ``swarm``.

Note [No registry]
    Before it starts a task, Swarm asks a registry for the image by its name, even if it has one of this name: here it
    would wait 25 seconds for name servers that do not answer. It does not ask for an image that is named by its id
    (moby, ``daemon/cluster/executor/container/adapter.go``). So all hosts get one and the same image, with one id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from docker import APIClient
from docker.errors import DockerException
from requests import RequestException

from benchmarks.clock import BenchFailed
from benchmarks.containers import DockerCommand
from benchmarks.failover_containers import Containers
from benchmarks.failover_report import Contender
from tests.rig.cluster.cluster import Cluster, in_parallel
from tests.rig.cluster.host import Host
from tests.rig.docker_engine import SAMPLE

SERVICE = "bench-failover"
LABEL = f"com.docker.swarm.service.name={SERVICE}"
PORT = 2377
RUNNING, TOLD = "as many containers run on the others", "and all tasks say running"
TIMEOUT = 5
"""Seconds that a manager's answer may take; without a leader it has none."""


class SwarmMode:
    """
    One Swarm at a time, of all hosts.

    :param init, create: more options of ``docker swarm init``, and of ``docker service create``.
    """

    def __init__(self, cluster: Cluster, name: str, init: Sequence[str] = (), create: Sequence[str] = ()) -> None:
        self.contender = Contender(name, (RUNNING, TOLD))
        self.containers = Containers(cluster.hosts, LABEL)
        self._cluster = cluster
        self._init = init
        self._create = create
        self._docker = {host.name: DockerCommand(host.engine) for host in cluster.hosts}
        self._clients = {
            host.name: APIClient(base_url=host.engine, version="auto", timeout=TIMEOUT) for host in cluster.hosts
        }
        self._names: dict[str, str] = {}
        self._image = share_image(list(self._clients.values()))

    def come(self, leader: Host) -> None:
        """Make a Swarm; who begins it leads."""
        self._docker[leader.name]("swarm", "init", *_addresses(leader), *self._init)
        token = self._clients[leader.name].inspect_swarm()["JoinTokens"]["Manager"]
        for host in self._cluster.hosts:
            if host is not leader:
                words = [*_addresses(host), "--token", token, f"{leader.address}:{PORT}"]
                self._docker[host.name]("swarm", "join", *words)
        self._cluster.until(self._is_whole, "all nodes of the Swarm are ready, and reachable as managers")
        self._names = {client.info()["Swarm"]["NodeID"]: name for name, client in self._clients.items()}

    def _is_whole(self) -> bool:
        nodes = self._asked(self._cluster.hosts[0], "nodes")
        states = [(node["Status"]["State"], node.get("ManagerStatus", {}).get("Reachability")) for node in nodes]
        return states == [("ready", "reachable")] * len(self._cluster.hosts)

    def _asked(self, host: Host, what: str, **filters: str) -> list[dict[str, Any]]:
        """The nodes or tasks that the manager of a host lists; none while it knows no leader."""
        with suppress(DockerException, RequestException):
            return list(getattr(self._clients[host.name], what)(filters=filters))
        return []

    def leader(self) -> Host:
        """:raises BenchFailed: if there is none."""
        for node in self._asked(self._cluster.hosts[0], "nodes"):
            if node.get("ManagerStatus", {}).get("Leader"):
                return next(host for host in self._cluster.hosts if host.name == self._names[node["ID"]])
        raise BenchFailed("the Swarm has no leader")

    def place(self, count: int) -> None:
        """Have so many tasks, and wait until all run."""
        words = ["--detach", "--no-resolve-image", "--name", SERVICE, "--replicas", str(count)]
        words += ["--publish", "mode=host,target=8080", *self._create, self._image]
        self._docker[self._cluster.hosts[0].name]("service", "create", *words)
        self._cluster.until(lambda: self.is_settled(count), f"{SERVICE} settles on {count} tasks")

    def stages(self, count: int, others: Sequence[Host]) -> Mapping[str, Callable[[], bool]]:
        """The conditions for the other hosts, asked of one of their managers, and of their Engines."""

        def run() -> bool:
            return len(self.containers.running(others)) == count

        def are_told() -> bool:
            return self._told(others[0], others) == count

        return {RUNNING: run, TOLD: are_told}

    def _told(self, asked: Host, hosts: Sequence[Host]) -> int:
        """How many tasks run on these hosts and are to, by the word of a manager."""
        names = {host.name for host in hosts}
        tasks = self._asked(asked, "tasks", **{"service": SERVICE, "desired-state": "running"})
        running = [task for task in tasks if task["Status"]["State"] == "running"]
        return sum(self._names.get(task.get("NodeID", "")) in names for task in running)

    def is_settled(self, count: int) -> bool:
        """Whether all tasks run, no container besides them, and no node is away."""
        hosts = self._cluster.hosts
        told = self._told(hosts[0], hosts) == count
        return told and len(self.containers.running(hosts)) == count and self._is_whole()

    def clear(self) -> None:
        """Remove the service, and wait until nothing is left of it."""
        self._docker[self._cluster.hosts[0].name]("service", "rm", SERVICE)
        self._cluster.until(self.containers.are_gone, "no container is left")

    def go(self) -> None:
        """Dissolve the Swarm."""
        in_parallel(lambda host: self._docker[host.name]("swarm", "leave", "--force"), self._cluster.hosts)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self.containers.close()


def share_image(engines: Sequence[APIClient]) -> str:
    """Give all the sample image of the first one; its id. See Note [No registry]."""
    first, *others = engines
    image = str(first.inspect_image(SAMPLE)["Id"])
    for client in others:
        if client.inspect_image(SAMPLE)["Id"] != image:
            for _ in client.load_image(first.get_image(SAMPLE)):
                pass  # it is loaded when it has said all it has to say
    return image


def _addresses(host: Host) -> list[str]:
    return ["--advertise-addr", host.address, "--listen-addr", f"{host.address}:{PORT}"]
