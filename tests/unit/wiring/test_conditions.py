"""The conditions of an agent, as values that a page, JSON and metrics can be made of."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.membership.write_check import INTERVAL
from daprdockr.model.troubles.etcd import EtcdDoubted, EtcdLost, EtcdNotReached, WritesRefused
from daprdockr.model.troubles.host import EngineHangs, EngineLost, EngineNotReached
from daprdockr.model.troubles.membership import AddressContested, BeatFailed, NoBeatYet
from tests.build.values import definition
from tests.fakes.agents import MemoryAgent, MemoryCluster


def kinds(agent: MemoryAgent) -> list[type]:
    return [type(condition) for condition in agent.conditions()]


class ConditionsTests(SynchronousTestCase):
    """One agent, and what ails it."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agent = self.cluster.add("a")

    def test_at_first(self) -> None:
        """Nothing was reached yet; ``/healthz`` has a line for each."""
        fresh = self.cluster.make("b")
        self.assertEqual(fresh.conditions(), [EtcdNotReached(), NoBeatYet(), EngineNotReached()])
        self.assertEqual(fresh.troubles(), [str(condition) for condition in fresh.conditions()])

    def test_well(self) -> None:
        """An agent in touch with everything has none."""
        self.cluster.advance(1)
        self.assertEqual(self.agent.conditions(), [])

    def test_etcd_away(self) -> None:
        """An etcd that is away is lost at once, and the lease when it is over."""
        self.cluster.advance(1)
        self.cluster.store.unavailable = True
        self.cluster.advance(1)
        self.assertEqual(kinds(self.agent), [EtcdLost])
        self.cluster.advance(7)
        self.assertEqual(kinds(self.agent), [EtcdLost, BeatFailed])
        lost, failed = map(str, self.agent.conditions())
        self.assertEqual((lost, self.agent.troubles()), (failed, [failed]))

    def test_etcd_full(self) -> None:
        """An etcd that is full refuses every key, and the reason is a field of its own."""
        self.cluster.advance(1)
        self.cluster.store.full = True
        self.cluster.advance(INTERVAL)
        (refused,) = self.agent.conditions()
        assert isinstance(refused, WritesRefused)
        self.assertEqual(refused.keys, ())
        self.assertIn("NOSPACE", refused.reason)

    def test_etcd_doubted(self) -> None:
        """A history that is not believed is a trouble of its own, and stays one beside an etcd that is away."""
        self.cluster.advance(1)
        before = self.cluster.store.snapshot()
        self.cluster.define(definition())
        self.cluster.advance(1)
        self.cluster.store.restore(before, bump=1000)
        self.agent.follower.list_again()
        self.cluster.advance(1)
        (doubted,) = self.agent.conditions()
        assert isinstance(doubted, EtcdDoubted)
        self.cluster.store.unavailable = True
        self.cluster.advance(1)
        (lost,) = self.agent.conditions()
        assert isinstance(lost, EtcdLost)
        self.assertEqual(lost.doubted, doubted)

    def test_engine(self) -> None:
        """An Engine that fails a call is lost, and one that answers no ping hangs."""
        self.cluster.advance(1)
        self.agent.host.fell_silent("no pong")
        self.assertEqual(self.agent.conditions(), [EngineHangs("no pong")])
        self.agent.host.answered()
        self.cluster.advance(1)
        self.agent.docker.unavailable = True
        self.cluster.advance(1)
        self.assertEqual(kinds(self.agent), [EngineLost])

    def test_containerd(self) -> None:
        """An Engine whose containerd hangs makes the node not ready within ten seconds, and ready again after it."""
        self.cluster.advance(10)
        self.agent.docker.stalled = True
        self.cluster.advance(10)
        self.assertEqual(kinds(self.agent), [EngineHangs])
        self.assertFalse(self.agent.cluster.nodes["a"].record.ready)
        self.cluster.define(definition())
        self.cluster.advance(5)
        self.assertEqual((self.cluster.claims, self.agent.docker.calls["start"]), ({}, 0))
        self.agent.docker.stalled = False
        self.cluster.advance(10)
        self.assertEqual((kinds(self.agent), list(self.cluster.claims)), ([], ["1.web.myapp"]))

    def test_address(self) -> None:
        """An address that another machine had first is contested."""
        self.cluster.advance(10)
        second = self.cluster.make("b")
        second.machine = "m2"
        self.cluster.start(second)
        self.cluster.advance(10)
        self.assertEqual((kinds(self.agent), kinds(second)), ([], [AddressContested]))
