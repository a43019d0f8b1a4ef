"""Whole agents after an outage of etcd: a node that is a little later than others keeps what it runs."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tests.build.values import definition
from tests.build.whole import TTL, starts
from tests.fakes.agents import STEP, MemoryCluster


class OutageTests(SynchronousTestCase):
    """Three nodes with two instances each; etcd answers nobody, and then everybody again."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agents = [self.cluster.add(node) for node in "abc"]
        self.cluster.define(definition(instances=6))
        self.cluster.advance(1)
        self.before = [starts(agent) for agent in self.agents]
        self.assertEqual([len(one) for one in self.before], [2, 2, 2])

    def freeze_etcd(self) -> None:
        """For two leases neither an answer nor the end of a lease comes."""
        self.cluster.store.unavailable = True
        for _ in range(round(2 * TTL / STEP)):
            for agent in self.agents:
                agent.pass_time(STEP)
        self.cluster.store.unavailable = False

    def revoke(self, nodes: slice) -> None:
        for agent in self.agents[nodes]:
            self.cluster.store.revoke(int(agent.state.read_lease()))

    def late(self, nodes: slice, seconds: float) -> None:
        """Some nodes do not reach etcd for so much longer than the others."""
        late = self.agents[nodes]
        for agent in late:
            self.cluster.agents.remove(agent)
        self.cluster.advance(seconds)
        for agent in late:
            self.cluster.agents.append(agent)
            agent.clock.advance(seconds)

    def assert_untouched(self) -> None:
        self.cluster.advance(2 * TTL)
        self.assertEqual([starts(agent) for agent in self.agents], self.before)
        self.assertEqual(Counter(told.node for told in self.cluster.claims.values()), {"a": 2, "b": 2, "c": 2})

    def test_all_leases_ended(self) -> None:
        """All leases ended, that of the first to be back too: it leaves the others the time of a lease."""
        self.freeze_etcd()
        self.revoke(slice(None))
        self.late(slice(1, None), 0.8 * TTL)
        self.assert_untouched()

    def test_some_leases_ended(self) -> None:
        """A node that has kept its lease does not take over within a moment what another one lost just then."""
        self.freeze_etcd()
        self.cluster.advance(STEP)
        self.revoke(slice(1))
        self.late(slice(1), 1.0)
        self.assert_untouched()

    def test_node_lost_meanwhile(self) -> None:
        """The instances of a node that died during the outage run elsewhere when its lease has ended."""
        self.freeze_etcd()
        self.cluster.crash(self.agents.pop())
        self.cluster.advance(TTL + 2)
        self.assertEqual([len(agent.running) for agent in self.agents], [3, 3])

    def test_short(self) -> None:
        """After an outage that was shorter than a lease a dead node is replaced without delay."""
        self.cluster.store.unavailable = True
        self.cluster.advance(0.4 * TTL)
        self.cluster.store.unavailable = False
        self.cluster.advance(0.4 * TTL)
        self.cluster.crash(self.agents.pop())
        self.cluster.advance(TTL + 0.5)
        self.assertEqual([len(agent.running) for agent in self.agents], [3, 3])
