"""Whole agents whose service changes in ways that its containers do not notice: nothing restarts, and few move."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.wanted.definition import Definition
from daprdockr.picture.instances import unmet
from tests.build.values import HTTP, WEB, definition
from tests.fakes.agents import MemoryCluster

X = {"Constraints": ["zone == x"]}


class ChangedInPlaceTests(SynchronousTestCase):
    """Nodes ``a`` and ``b`` in zone x, ``c`` in zone y, with an instance each."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        for node, zone in (("a", "x"), ("b", "x"), ("c", "y")):
            self.cluster.add(node, label={"zone": zone})
        self.cluster.define(self.wanted())
        self.cluster.advance(5)
        self.runs = self.containers()
        self.assertEqual(sorted({node for node, _, _ in self.runs}), ["a", "b", "c"])

    def wanted(self, **members: Any) -> Definition:
        return definition("web:1", **{"instances": 3, "Http": HTTP, **members})

    def containers(self) -> set[tuple[str, str, float]]:
        """Node, container and start of all that runs."""
        return {(a.settings.node, one.id, one.started) for a in self.cluster.agents for one in a.running}

    def test_nothing_restarts(self) -> None:
        """A change of any part but the container, and more instances, leave each container in its run."""
        changes: tuple[dict[str, Any], ...] = (
            {"Http": {**HTTP, "HostName": "other.example.com", "Hold": 1, "Path": "/api"}},
            {"Health": {"Type": "http", "Path": "/x", "Port": "8080", "Interval": 1, "Retries": 9}},
            {"Health": {"Type": "none"}},
            {"Placement": {"Constraints": ["zone != z"]}},
            {"Placement": {"OnePerNode": True}},
            {"Update": {"Order": "stop-first", "Parallelism": 2, "MinHealthy": 1, "OnFailure": "pause"}},
            {"After": ["db"]},
            {"StopTimeout": 1},
            {"instances": 5},
        )
        for members in changes:
            self.cluster.define(self.wanted(**members))
            self.cluster.advance(8)
            self.assertTrue(self.runs <= self.containers(), members)

    def test_another_check(self) -> None:
        """No instance counts as wanted from the moment at which the check changes until the changed one succeeds."""
        self.cluster.define(self.wanted(Health={"Type": "http", "Path": "/x"}))
        for agent in self.cluster.agents:
            agent.unhealthy = {one.id: "404" for one in agent.running}
        for _ in range(30):
            self.cluster.advance(0.1)
            self.assertEqual(len(unmet(self.cluster.agents[0].cluster, WEB)), 3)
        for agent in self.cluster.agents:
            agent.unhealthy = {}
        self.cluster.advance(10)
        self.assertEqual(unmet(self.cluster.agents[0].cluster, WEB), [])
        self.assertEqual(self.containers(), self.runs)

    def test_forbidden(self) -> None:
        """A constraint that forbids a node moves its instance, which serves until then, and no other."""
        stays = {one for one in self.runs if one[0] != "c"}
        self.cluster.define(self.wanted(Placement=X))
        for _ in range(150):
            self.cluster.advance(0.2)
            healthy = [one for one in self.cluster.claims.values() if one.healthy]
            self.assertEqual(len(healthy), 3)
        self.assertEqual({one.node for one in self.cluster.claims.values()}, {"a", "b"})
        self.assertEqual({node for node, _, _ in self.containers()}, {"a", "b"})
        self.assertTrue(stays <= self.containers())

    def test_nobody_else(self) -> None:
        """If no other node may have it, it stays."""
        self.cluster.define(self.wanted(Placement={"Constraints": ["zone == z"]}))
        self.cluster.advance(15)
        self.assertEqual(self.containers(), self.runs)

    def test_on_partition_stop(self) -> None:
        """One of which only one copy may run is stopped first, and then started elsewhere."""
        self.cluster.define(self.wanted(OnPartition="stop"))
        self.cluster.advance(60)
        self.cluster.define(self.wanted(OnPartition="stop", Placement=X))
        self.cluster.advance(40)
        claims = self.cluster.claims
        self.assertEqual((len(claims), {one.node for one in claims.values()}), (3, {"a", "b"}))
        self.assertTrue(all(one.healthy for one in claims.values()))

    def test_no_rebalancing(self) -> None:
        """Agents that do not even out the load let it leave, too."""
        cluster = MemoryCluster(self)
        for node, zone in (("a", "x"), ("c", "y")):
            cluster.add(node, label={"zone": zone}, no_rebalance=True)
        cluster.define(self.wanted(instances=2))
        cluster.advance(5)
        cluster.define(self.wanted(instances=2, Placement=X))
        cluster.advance(30)
        self.assertEqual({one.node for one in cluster.claims.values()}, {"a"})
        self.assertEqual(len(cluster.agents[0].cluster.claims(WEB)), 2)
