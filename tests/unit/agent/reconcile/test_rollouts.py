"""The memory of rollouts: since when slots are free, and copies healthy, while a rollout goes on and no longer."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.planning.attempts import STEADY
from daprdockr.planning.situation import Rollout
from tests.build.values import KEYS, WEB, definition, instance
from tests.fakes.agents import MemoryCluster


class RolloutTimesTests(SynchronousTestCase):
    """An agent with one instance of web:1, of which web:2 is wanted next."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agent = self.cluster.add("a")
        self.cluster.define(definition("web:1"))
        self.cluster.advance(1)

    @property
    def rollout(self) -> Rollout:
        return self.agent.since.rollout(WEB)

    def change(self) -> None:
        self.cluster.define(definition("web:2", instances=2, Update={"Parallelism": 2}))

    def test_nothing_goes_on(self) -> None:
        """Without a rollout nothing is remembered."""
        self.cluster.advance(STEADY)
        self.assertEqual(self.rollout, Rollout())

    def test_free_slots(self) -> None:
        """A slot counts as free from the change of the definition on, until somebody has it."""
        self.agent.docker.registry_away = True
        self.change()
        self.cluster.advance(0.5)
        since = dict(self.rollout.vacant_since)
        self.assertEqual(list(since), [1, 2])
        self.cluster.advance(1)
        self.assertEqual(self.rollout.vacant_since, since)
        self.agent.docker.add_image("web:2")
        self.cluster.advance(60)
        self.assertEqual((self.rollout, self.cluster.store.get(KEYS.slot(WEB, 1))), (Rollout(), None))

    def test_healthy_copies(self) -> None:
        """A copy counts as healthy from the moment it was seen so, and anew after each start of it."""
        self.agent.docker.add_image("web:2")
        self.change()
        self.cluster.advance(1.5)
        new = next(one for one in self.agent.running if one.definition == definition("web:2").digest)
        self.assertEqual(new.instance, instance(1))
        since = self.rollout.well_since[new.id]
        self.cluster.advance(1)
        self.assertEqual(self.rollout.well_since[new.id], since)
        self.agent.docker.crash(new.id)
        self.cluster.advance(1)
        self.assertGreater(self.rollout.well_since[new.id], since)
