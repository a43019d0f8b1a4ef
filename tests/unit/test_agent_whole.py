"""Whole agents over etcd and Docker Engines in memory: what a person sees, from a definition to names and routes."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.names import InstanceName
from daprdockr.model.records import State
from tests.unit.harness import MemoryAgent, MemoryCluster
from tests.unit.situations import WEB, definition

HTTP = {"HostName": "example.com", "ContainerPort": "8080"}


def names(agent: MemoryAgent) -> list[str]:
    """The instances that run on an agent's host."""
    return [str(container.instance) for container in agent.running]


def resolved(agent: MemoryAgent, *labels: bytes) -> bool:
    """Whether a name below ``container.`` exists, by its labels from the deepest on."""
    assert agent.zone is not None
    return agent.zone.lookup(labels) is not None


def routed(agent: MemoryAgent) -> dict[str, list[InstanceName]]:
    """The instances behind each HTTP host name."""
    assert agent.routing is not None
    return {route.host_name: [upstream.instance for upstream in route.upstreams] for route in agent.routing.routes}


class OneNodeTests(SynchronousTestCase):
    """A cluster of one."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agent = self.cluster.add("a")
        self.cluster.advance(1)

    def test_define(self) -> None:
        """A new definition gives containers that run, claims that tell so, names and a route."""
        self.cluster.define(definition(instances=2, Http=HTTP))
        self.cluster.advance(1)
        self.assertEqual(names(self.agent), ["1.web.myapp", "2.web.myapp"])
        claims = self.cluster.claims
        self.assertEqual(
            {name: (record.state, record.healthy, record.container) for name, record in claims.items()},
            {str(c.instance): (State.RUNNING, True, c.id) for c in self.agent.running},
        )
        self.assertTrue(resolved(self.agent, b"2", b"web", b"myapp"))
        self.assertEqual(routed(self.agent), {"example.com": [InstanceName(WEB, 1), InstanceName(WEB, 2)]})

    def test_crash(self) -> None:
        """A container that died is started again, and its claim tells of the new start."""
        self.cluster.define(definition())
        self.cluster.advance(1)
        first = self.agent.running[0]
        self.agent.docker.crash(first.id)
        self.cluster.advance(1)
        again = self.agent.running[0]
        self.assertEqual(again.id, first.id)
        self.assertEqual(self.cluster.claims["1.web.myapp"].started, again.started)
        self.assertNotEqual(first.started, again.started)

    def test_delete(self) -> None:
        """A deleted definition takes its containers, claims, names and route with it."""
        self.cluster.define(definition(instances=2, Http=HTTP))
        self.cluster.advance(1)
        self.cluster.delete(WEB)
        self.cluster.advance(1)
        self.assertEqual(self.agent.docker.states, [])
        self.assertEqual(self.cluster.claims, {})
        self.assertFalse(resolved(self.agent, b"web", b"myapp"))
        self.assertEqual(routed(self.agent), {})

    def test_etcd_away(self) -> None:
        """While etcd is away nothing is stopped, and a container that died is started again."""
        self.cluster.define(definition(instances=2, Http=HTTP))
        self.cluster.advance(1)
        self.cluster.store.unavailable = True
        self.cluster.advance(20)
        self.assertEqual(names(self.agent), ["1.web.myapp", "2.web.myapp"])
        first = self.agent.running[0]
        self.agent.docker.crash(first.id)
        self.cluster.advance(1)
        self.assertEqual(names(self.agent), ["1.web.myapp", "2.web.myapp"])
        self.assertEqual(len(routed(self.agent)["example.com"]), 2)


class TwoNodesTests(SynchronousTestCase):
    """A cluster of two."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agents = [self.cluster.add("a"), self.cluster.add("b")]
        self.cluster.advance(1)

    def test_share(self) -> None:
        """Twelve instances come to run six on each, claimed by twelve transactions."""
        before = self.cluster.store.calls.count("commit")
        self.cluster.define(definition(instances=12))
        self.cluster.advance(1)
        self.assertEqual([len(agent.running) for agent in self.agents], [6, 6])
        self.assertEqual(Counter(record.node for record in self.cluster.claims.values()), {"a": 6, "b": 6})
        print(self.cluster.store.calls.count("commit") - before)
