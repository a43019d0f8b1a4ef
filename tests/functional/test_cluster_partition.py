"""``OnPartition: stop``: whatever happens to a host, no two copies of an instance ever run, not for a moment."""

from __future__ import annotations

from datetime import datetime
from time import monotonic

from twisted.trial.unittest import SynchronousTestCase

from tests.rig.cluster.case import WEB, ClusterTestCase
from tests.rig.cluster.cluster import missing, shared
from tests.rig.cluster.host import AGENT, ENGINE, Host
from tests.rig.docker_engine import until

LONE = "lone.myapp"
LONELY = 6

LEASE = 15
"""Seconds: an agent that is killed just before a beat leaves the next one half of that, in which it starts."""

Runs = dict[str, tuple[datetime, datetime]]


class AtMostOneTests(ClusterTestCase):
    """Six instances that may only run once, two on each host, beside twelve that may run twice for a while."""

    def setUp(self) -> None:
        super().setUp()
        self.cluster.define(LONE, LONELY, OnPartition="stop")
        self.cluster.until_settled(LONE, LONELY)
        self.assertEqual(self.cluster.shares(LONE), [2, 2, 2])

    def until_moved(self, silent: Host) -> Runs:
        """Wait until the instances of a silent host run elsewhere; when they were started there."""
        others = [host for host in self.cluster.hosts if host is not silent]
        mine = set(silent.runs_of(LONE))

        def found() -> Runs:
            runs = {name: run for host in others for name, run in host.runs_of(LONE).items() if name in mine}
            return {name: run for name, run in runs.items() if name in self.running_on(others)}

        self.cluster.until(lambda: set(found()) == mine, f"the instances of {silent.name} run elsewhere")
        return found()

    def running_on(self, hosts: list[Host]) -> set[str]:
        return {name for host in hosts for name in host.running() if name.endswith(LONE)}

    def assert_ended_before(self, silent: Host, elsewhere: Runs) -> None:
        """Each copy on the silent host had ended when the one elsewhere was started; the other service's run on."""
        self.cluster.until(lambda: not self.running_on([silent]), f"the Engine of {silent.name} has noticed")
        for name, (started, ended) in silent.runs_of(LONE).items():
            self.assertLess(started, ended, f"{name} ended")
            self.assertLess(ended, elsewhere[name][0], f"{name} ended before it was started elsewhere")
        self.assertEqual(len([name for name in silent.running() if name.endswith(WEB)]), 4)

    def come_back(self) -> None:
        self.cluster.until_well()
        self.cluster.until_settled(LONE, LONELY)
        self.until_settled()

    def test_cut_off(self) -> None:
        """A host that is cut off has stopped them before another may start them."""
        host = self.cluster.host(2)
        self.cluster.network.cut_from_all(2)
        self.assert_ended_before(host, self.until_moved(host))
        self.cluster.network.heal(2)
        self.come_back()

    def test_agent_paused(self) -> None:
        """So has one whose agent is paused, and with it everything that could have known."""
        host = self.cluster.host(1)
        host.freeze(AGENT)
        self.assert_ended_before(host, self.until_moved(host))
        host.thaw(AGENT)
        self.come_back()

    def test_agent_and_engine_paused(self) -> None:
        """It needs no Engine either."""
        host = self.cluster.host(3)
        mine = set(host.runs_of(LONE))
        host.freeze(ENGINE)
        host.freeze(AGENT)
        others = [other for other in self.cluster.hosts if other is not host]
        self.cluster.until(lambda: mine <= self.running_on(others), "the instances of host3 run elsewhere")
        elsewhere = {name: run for other in others for name, run in other.runs_of(LONE).items()}
        host.thaw(ENGINE)
        self.assert_ended_before(host, elsewhere)
        host.thaw(AGENT)
        self.come_back()

    def test_agent_killed(self) -> None:
        """So has one whose agent died and does not come back."""
        host = self.cluster.host(2)
        host.kill(AGENT)
        self.assert_ended_before(host, self.until_moved(host))
        self.cluster.start_missing()
        self.come_back()

    def test_etcd_away(self) -> None:
        """Without etcd nobody can know who else runs them: all stop, all others run on. With etcd all are back."""
        self.cluster.etcd.kill_all()
        self.cluster.until(lambda: not self.running_on(self.cluster.hosts), "all of them are stopped")
        self.assert_untouched(self.starts)
        self.cluster.start_missing()
        self.come_back()
        self.assert_untouched(self.starts)

    def test_drained(self) -> None:
        """From a drained host they leave by stopping first."""
        told = self.cluster.command("drain", "host1", "-wait", "-timeout", "90")
        self.assertIn("0 stay", told)
        self.cluster.until_settled(LONE, LONELY)
        self.assertEqual(self.cluster.shares(LONE), [0, 3, 3])


class BackInTimeTests(SynchronousTestCase):
    """Six instances that may only run once, under agents with longer leases than the others."""

    skip = missing()

    def setUp(self) -> None:
        self.cluster = shared()
        self.cluster.reset()
        self.addCleanup(self.cluster.restart_agents)
        self.cluster.restart_agents(("--no-rebalance", "--lease-ttl", str(LEASE)))
        self.cluster.until_well()
        self.cluster.define(LONE, LONELY, OnPartition="stop")
        self.cluster.until_settled(LONE, LONELY)

    def test_agent_restarted(self) -> None:
        """
        An agent that is back within the lease's time finds all as it was. One after another: three that start at once
        share two processors, and may not be back in time.
        """
        before = {host.name: host.runs_of(LONE) for host in self.cluster.hosts}
        over = 0.0
        for host in self.cluster.hosts:
            host.kill(AGENT)
            over = monotonic() + LEASE
            self.cluster.start_agent(host, ("--no-rebalance", "--lease-ttl", str(LEASE)))
            self.cluster.until_well()
        until(lambda: monotonic() > over)
        self.assertEqual({host.name: host.runs_of(LONE) for host in self.cluster.hosts}, before)
