"""Everything dies at once, and is started again in any order: the cluster recovers without a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.rig.cluster.case import ClusterTestCase
from tests.rig.cluster.host import AGENT, ENGINE, ETCD, NGINX, Host

AGENTS_FIRST = [(number, part) for part in (AGENT, ENGINE, ETCD) for number in (1, 2, 3)]
AGENTS_LAST = [(number, part) for part in (ETCD, ENGINE, AGENT) for number in (3, 1, 2)]
MIXED = [(1, AGENT), (2, ETCD), (3, ENGINE), (2, AGENT), (1, ENGINE), (3, ETCD), (1, ETCD), (3, AGENT), (2, ENGINE)]


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

    def test_all_but_containers(self) -> None:
        """Containers that outlived their shim and their Engine are ended by the next Engine, and started again."""
        for host in self.cluster.hosts:
            for part in (AGENT, ENGINE, "containerd", "containerd-shim", ETCD, NGINX, "nginx: worker"):
                host.kill(part)
        self.recover(MIXED)
