"""daprdockr on the hosts of a cluster: an agent each, as in production, over an etcd of three members."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Mapping, Sequence

from benchmarks.failover_containers import Containers
from benchmarks.failover_report import Contender
from daprdockr.model.host import LABEL_INSTANCE
from tests.rig.cluster.cluster import Cluster, in_parallel
from tests.rig.cluster.etcd import Members
from tests.rig.cluster.host import AGENT, Host, Wishes

SERVICE = "web.myapp"
NODES, CLAIMS = "/daprdockr/nodes/", "/daprdockr/instances/myapp/web/"
ENDED = "its lease has ended"
CLAIMED, RUNNING, HEALTHY = "all are claimed by the others", "as many containers run there", "and are told healthy"
OPTIONS = ("--no-rebalance",)
"""Nothing is moved back after the heal: Swarm does not do it either, and so every restart is one too many."""


class Agents:
    """:param ttl: seconds that a node's lease lasts."""

    def __init__(self, cluster: Cluster, ttl: int) -> None:
        self.contender = Contender(f"daprdockr, lease of {ttl} s", (ENDED, CLAIMED, RUNNING, HEALTHY), ttl)
        self.containers = Containers(cluster.hosts, LABEL_INSTANCE)
        self._cluster = cluster
        self._ttl = ttl

    def come(self, leader: Host) -> None:
        """Start the agents, with etcd's leader on that host."""
        self._cluster.until(self._cluster.etcd.is_whole, "all members of etcd are in touch with a leader")
        self._cluster.until(lambda: self._leads(leader), f"etcd's leader is on {leader.name}")
        for host in self._cluster.hosts:
            host.start_agent(Wishes(self._cluster.etcd.urls, self._ttl, OPTIONS))
        self._cluster.until_well()

    def _leads(self, host: Host) -> bool:
        """Whether it leads; else it is asked to."""
        members = self._cluster.etcd
        if members.leader() is host:
            return True
        listed = json.loads(members.etcdctl("member", "list", "--write-out=json"))["members"]
        number = next(member["ID"] for member in listed if member["name"] == host.name)
        members.etcdctl("move-leader", f"{number:x}")
        return False

    def leader(self) -> Host:
        return self._cluster.etcd.leader()

    def place(self, count: int) -> None:
        """Have so many instances, and wait until all are well."""
        self._cluster.define(SERVICE, count)
        self._cluster.until_settled(SERVICE, count)

    def stages(self, count: int, others: Sequence[Host]) -> Mapping[str, Callable[[], bool]]:
        """The conditions for the other hosts, read from their members of etcd and from their Engines."""
        members = Members(others, "")
        names = {host.name for host in others}

        def has_ended() -> bool:
            return {key.rpartition("/")[2] for key in _values(members, NODES)} == names

        def are_claimed() -> bool:
            return len(_held(members, names)) == count

        def run() -> bool:
            return len(self.containers.running(others)) == count

        def are_healthy() -> bool:
            told = _held(members, names, healthy=True)
            return len(told) == count and told == self.containers.running(others)

        return {ENDED: has_ended, CLAIMED: are_claimed, RUNNING: run, HEALTHY: are_healthy}

    def is_settled(self, count: int) -> bool:
        """Whether each instance runs where its claim says, and nowhere else."""
        return self._cluster.is_settled(SERVICE, count)

    def clear(self) -> None:
        """Delete the service, and wait until nothing is left of it."""
        self._cluster.command("-svc", SERVICE, "-del")
        self._cluster.until(self.containers.are_gone, "no container is left")

    def go(self) -> None:
        """End the agents; their leases end too, or the next agents would go on with them, and with their TTL."""
        in_parallel(lambda host: host.end(AGENT), self._cluster.hosts)
        self._cluster.until(lambda: not self._cluster.stored("nodes/"), "all leases have ended")

    def close(self) -> None:
        self.containers.close()


def _held(members: Members, nodes: Container[str], healthy: bool = False) -> set[tuple[str, str]]:
    """Node and container of each instance that these nodes have claimed, or of the healthy ones alone."""
    claims = {key: json.loads(value) for key, value in _values(members, CLAIMS).items() if not key.endswith("/next")}
    return {
        (claim["Node"], claim["ContainerId"] or key)
        for key, claim in claims.items()
        if claim["Node"] in nodes and (claim["Healthy"] or not healthy)
    }


def _values(members: Members, prefix: str) -> dict[str, bytes]:
    """None while there is no leader."""
    try:
        return members.values(prefix)
    except OSError:
        return {}
