"""etcd is away, slow, or changing: no container stops, names and routes stay, and then work goes on."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.rig.cluster.case import COUNT, WEB, ClusterTestCase
from tests.rig.cluster.cluster import Cluster, missing
from tests.rig.cluster.host import ETCD, Host
from tests.rig.cluster.network import CLIENT, PEER


class EtcdTests(ClusterTestCase):
    """Three members, to each of which everything may happen."""

    def grow(self, more: int = 2) -> None:
        """A change is carried out, and touches nothing that ran."""
        self.cluster.define(WEB, COUNT + more)
        self.until_settled(COUNT + more)
        self.assert_untouched(self.starts)

    def until_told(self, host: Host) -> None:
        self.cluster.until(lambda: "etcd" in host.asked.trouble(), f"{host.name} tells that etcd is away")

    def test_all_killed(self) -> None:
        """For several leases nothing happens at all; with etcd back nothing is restarted."""
        self.until_serving()  # each node has learned by now what it shall keep
        self.cluster.etcd.kill_all()
        for host in self.cluster.hosts:
            self.until_told(host)
        self.cluster.outlive_leases()
        for host in self.cluster.hosts:
            self.until_host_serves(host, self.addresses)
        self.assert_nothing_new()

        self.cluster.start_missing()
        self.cluster.until_well()
        self.until_settled()
        self.assertEqual(self.cluster.shares(WEB), [4, 4, 4])
        self.grow()
        self.until_serving()

    def test_all_frozen(self) -> None:
        """Nothing happens while no member answers; when they do, each agent takes up again what it runs."""
        self.until_serving()
        self.cluster.etcd.freeze_all()
        self.cluster.outlive_leases()
        for host in self.cluster.hosts:
            self.until_host_serves(host, self.addresses)
        self.assert_nothing_new()

        self.cluster.etcd.thaw_all()
        self.cluster.until_well()
        self.until_settled()
        self.assert_nothing_new()
        self.assertEqual(self.cluster.shares(WEB), [4, 4, 4])
        self.grow()

    def test_leases_revoked(self) -> None:
        """etcd ends the leases of two hosts of three, as it can after an election: nothing is started twice."""
        leases = self.cluster.etcd.leases()
        self.assertEqual(len(leases), 3)
        self.cluster.etcd.revoke(*leases[:2])
        self.cluster.until_well()
        self.cluster.outlive_leases()
        self.until_settled()
        self.assert_nothing_new()
        self.assertEqual(self.cluster.shares(WEB), [4, 4, 4])

    def test_leader_killed(self) -> None:
        """Two members are enough to go on with."""
        self.cluster.etcd.leader().kill(ETCD)
        self.grow()
        self.cluster.start_missing()
        self.cluster.until_well()
        self.assert_untouched(self.starts)

    def test_leader_frozen(self) -> None:
        """Two members that have to find out first are enough too."""
        leader = self.cluster.etcd.leader()
        leader.freeze(ETCD)
        self.grow()
        leader.thaw(ETCD)
        self.cluster.until_well()
        self.assert_untouched(self.starts)

    def test_member_cut_off(self) -> None:
        """A member that nobody reaches is missed by nobody, also when it leads."""
        leader = self.cluster.etcd.leader()
        self.cluster.network.cut_member(leader.number)
        self.grow()
        self.cluster.network.heal(leader.number)
        self.cluster.until_well()
        self.assert_untouched(self.starts)

    def test_member_replaced(self) -> None:
        """A member that lost its disk is taken out and put back empty, as etcd's manual wants it."""
        lost = self.cluster.host(3)
        lost.kill(ETCD)
        self.cluster.etcd.replace(lost)
        self.grow()
        self.cluster.until_well()

    def slow_down(self) -> None:
        """300 ms there and back between any two hosts on etcd's ports, for longer than leases last."""
        for host in self.cluster.hosts:
            self.cluster.network.slow_down(host.number, delay=0.075, ports=(CLIENT, PEER))
        self.cluster.outlive_leases()

    def heal(self) -> None:
        for host in self.cluster.hosts:
            self.cluster.network.heal(host.number)

    def restart_members(self, election: int) -> None:
        """On a good line, with other timeouts. Nobody notices, for they are back before a lease ends."""
        self.heal()
        self.cluster.etcd.kill_all()
        self.cluster.etcd.election = election
        self.cluster.start_missing()
        self.cluster.until_well()

    def test_slow(self) -> None:
        """On a slow line everything still works, with members that take it for what it is: etcd's default timeouts."""
        self.addCleanup(self.restart_members, self.cluster.etcd.election)
        self.restart_members(1000)
        self.slow_down()
        self.assert_nothing_new()
        self.grow()
        self.cluster.define(WEB, COUNT)
        self.until_settled()
        self.assert_untouched(self.starts)

    def test_too_slow(self) -> None:
        """On a line too slow for their timeouts, when they elect without end, nothing stops; later work goes on."""
        self.slow_down()
        self.assert_untouched(self.starts)
        for host in self.cluster.hosts:
            self.until_host_serves(host, self.addresses)
        self.heal()
        self.cluster.until_well()
        self.until_settled()
        self.assert_untouched(self.starts)
        self.grow()


class WipedTests(SynchronousTestCase):
    """Another, empty etcd takes the place of the one that the agents know."""

    skip = missing()

    def setUp(self) -> None:
        self.cluster = Cluster()
        self.addCleanup(self.cluster.close)
        self.cluster.open()
        self.cluster.define(WEB, 6)
        self.cluster.until_settled(WEB, 6)

    def test_frozen(self) -> None:
        """No container stops, names and routes stay, and every agent says that it is frozen."""
        starts, addresses = self.cluster.starts(), sorted(host.address for host in self.cluster.hosts)
        for host in self.cluster.hosts:
            self.until_known(host, addresses)
        self.cluster.etcd.wipe()
        for host in self.cluster.hosts:
            self.until_frozen(host)
        self.cluster.outlive_leases()
        self.assertEqual(self.cluster.starts(), starts)
        for host in self.cluster.hosts:
            self.assertEqual(host.asked.dig(f"{WEB}.container").split(), addresses)
            served = [host.asked.served_by(f"{WEB}.test", 60) for _ in range(4)]
            self.assertEqual(len(set().union(*served)), 6)
            self.assertIn("frozen", host.asked.trouble())
        self.accept(starts)

    def until_known(self, host: Host, addresses: list[str]) -> None:
        """Wait until a host names all these, and its nginx has reached all six instances."""
        served: set[str] = set()

        def is_known() -> bool:
            served.update(host.asked.served_by(f"{WEB}.test", 60))
            return host.asked.dig(f"{WEB}.container").split() == addresses and len(served) == 6

        self.cluster.until(is_known, f"{host.name} names and reaches all instances")

    def accept(self, starts: dict[str, str]) -> None:
        """
        The way out that docs/reference/failures.rst documents: a person trusts this etcd. Containers that run go on
        running, unclaimed, and are adopted when their service is defined anew.
        """
        told = self.cluster.command("trust-etcd", "-yes")
        self.assertEqual(told.count("would leave 2 alone"), 3, told)
        self.cluster.until_well()
        self.cluster.outlive_leases()
        self.assertEqual(self.cluster.starts(), starts)
        self.cluster.define(WEB, 6)
        self.cluster.until_settled(WEB, 6)
        self.assertEqual(self.cluster.starts(), starts)

    def until_frozen(self, host: Host) -> None:
        self.cluster.until(lambda: "frozen" in host.asked.trouble(), f"{host.name} says that it is frozen")
