"""Whole agents over a Docker Engine in memory whose networks come and go."""

from __future__ import annotations

from daprdockr.agent.host.host import LIST_INTERVAL
from daprdockr.model.host import EngineNetwork
from daprdockr.model.stored.claim import ClaimRecord
from tests.build.values import definition
from tests.build.whole import ONE, WholeCase


class NetworkTests(WholeCase):
    """A network that is removed under a service, and made again."""

    def setUp(self) -> None:
        super().setUp()
        self.engine = self.agent.docker
        self.front = EngineNetwork("front", "f0", frozenset({4}))
        self.engine.networks.append(self.front)
        self.cluster.define(definition(Container={"NetworkMode": "front"}))
        self.cluster.advance(5)
        (self.first,) = self.agent.running
        self.engine.networks.remove(self.front)
        self.engine.detach(self.first.id)
        self.cluster.advance(LIST_INTERVAL + 1)

    @property
    def record(self) -> ClaimRecord:
        """The record that the node writes of the instance."""
        return self.cluster.claims[ONE]

    def test_reason(self) -> None:
        """While it runs without its network the container stays, and is reported with the reason."""
        self.assertEqual([one.id for one in self.agent.running], [self.first.id])
        self.assertEqual((self.record.healthy, self.record.reason), (False, "network front was taken from it"))

    def test_back(self) -> None:
        """When the network is there again the container is replaced by one that is on it."""
        self.engine.networks.append(self.front)
        self.cluster.advance(LIST_INTERVAL + 5)
        (second,) = self.agent.running
        self.assertNotEqual(second.id, self.first.id)
        self.assertEqual((self.record.healthy, self.record.reason), (True, ""))

    def test_died(self) -> None:
        """A container that then dies is reported with the reason, and comes back with the network."""
        self.engine.crash(self.first.id)
        self.cluster.advance(5)
        self.assertEqual(self.agent.running, [])
        self.assertIn("network front not found", self.record.reason)
        self.engine.networks.append(self.front)
        self.cluster.advance(120)
        self.assertEqual(len(self.agent.running), 1)
        self.assertEqual((self.record.healthy, self.record.reason), (True, ""))
