"""Which nodes may keep etcd in order."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.membership.upkeep import EtcdKeeping
from daprdockr.model.troubles.etcd import WritesRefused
from daprdockr.wiring.outside import Administration
from daprdockr.wiring.upkeep import upkeep
from tests.fakes.agents import MemoryAgent, MemoryCluster
from tests.fakes.etcd_upkeep import MemoryUpkeep, looked, status


class WiringUpkeepTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)

    def made(self, agent: MemoryAgent, maintained: bool = True) -> EtcdKeeping | None:
        base = agent.parts.base
        ours = Administration(upkeep=MemoryUpkeep(looked(status(1))) if maintained else None)
        etcd = evolve(base.outside.etcd, administration=ours)
        return upkeep(evolve(base, outside=evolve(base.outside, etcd=etcd)), agent.parts.found)

    def test_off(self) -> None:
        """There is none where that is left to others, or where nothing can do it."""
        self.assertIsNone(self.made(self.cluster.add("a", no_etcd_upkeep=True)))
        self.assertIsNone(self.made(self.cluster.add("b"), maintained=False))

    def test_own_threads(self) -> None:
        """A member that is silent, or is defragmented, holds no thread that other calls to etcd wait for."""
        agent = self.cluster.add("a")
        pools = agent.parts.base.outside.pools.etcd
        found = self.made(agent)
        assert found is not None
        self.assertIs(found._run, pools.upkeep)
        self.assertIsNot(pools.upkeep, pools.calls)

    def test_first(self) -> None:
        """The first node by name stands in, if its lease is certain; a refusal of some keys alone is no full etcd."""
        agents = self.cluster.add("a"), self.cluster.add("b")
        made: list[Any] = [self.made(agent) for agent in agents]
        self.cluster.advance(1)
        self.assertEqual([one._is_first() for one in made], [True, False])
        check = agents[0].parts.found.member.write_check
        found = []
        for condition in (None, WritesRefused("forbidden", ("/x",)), WritesRefused("full")):
            check.condition = condition
            found.append(made[0]._is_full())
        self.assertEqual(found, [False, False, True])
        self.assertIsNotNone(self.successResultOf(Deferred.fromCoroutine(made[0]._office.hold())))
