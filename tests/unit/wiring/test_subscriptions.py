"""Subscriptions: all subscribers may be notified in any order, with the same effect."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.build.values import HTTP, definition
from tests.build.whole import TTL
from tests.fakes.agents import MemoryAgent, MemoryCluster


def reverse(agent: MemoryAgent) -> None:
    """Have the last subscriber notified first."""
    signals, publish = agent.parts.base.signals, agent.parts.reports.publish
    herald = agent.parts.found.member.herald
    for order in (signals.cluster_changed, signals.services_changed, signals.node_changed, herald.moved, publish.zones):
        order._subscribers.reverse()


class OrderTests(SynchronousTestCase):
    """Three agents, one of which falls silent, while a definition changes and an Engine is away for a while."""

    def story(self, reversed_: bool) -> list[tuple[object, ...]]:
        """The claims, the routes and the troubles, each tenth of a second."""
        cluster = MemoryCluster(self)
        for node in ("a", "b", "c"):
            agent = cluster.make(node)
            if reversed_:
                reverse(agent)
            cluster.start(agent)
        found: list[tuple[object, ...]] = []

        def passes(seconds: float) -> None:
            for _ in range(round(seconds * 10)):
                cluster.advance(0.1)
                seen = [(agent.settings.node, agent.routing, agent.troubles()) for agent in cluster.agents]
                found.append((cluster.claims, seen))

        passes(TTL)
        cluster.define(definition(instances=6, Http=HTTP))
        passes(3)
        cluster.agents[0].docker.unavailable = True
        passes(3)
        cluster.agents[0].docker.unavailable = False
        cluster.crash(cluster.agents[1])
        passes(2 * TTL)
        cluster.define(definition(instances=2, Http=HTTP))
        passes(5)
        return found

    def test_any(self) -> None:
        """All happens at the same moments and in the same way when the subscribers are notified in reverse order."""
        story = self.story(reversed_=False)
        self.assertTrue(any(moment[0] for moment in story))
        pairs = zip(story, self.story(reversed_=True), strict=True)
        self.assertEqual([number for number, (one, other) in enumerate(pairs) if one != other], [])
