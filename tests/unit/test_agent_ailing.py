"""Whole agents whose containers are kept from serving: what is told of it, and what becomes of names and routes."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.definition import Definition
from daprdockr.model.records import State
from tests.unit.harness import MemoryCluster
from tests.unit.situations import definition
from tests.unit.test_agent_whole import HTTP, ONE, resolved, routed

CHECKS: tuple[dict[str, Any], ...] = (
    {},
    {"Http": HTTP},
    {"Health": {"Type": "http", "Port": "8080"}},
    {"Health": {"Type": "exec", "Cmd": ["true"]}},
    {"Health": {"Type": "docker"}},
)
"""One definition for each way to find out whether an instance is well."""


class AilingCase(SynchronousTestCase):
    """One node."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agent = self.cluster.add("a")
        self.engine = self.agent.docker
        self.engine.add_image("web:1", exposed=[8080], healthcheck=True)

    def define(self, by: Definition) -> str:
        """Define a service of one instance, and wait until it is well; its container."""
        self.cluster.define(by)
        self.cluster.advance(1)
        (container,) = self.agent.running
        if container.health:
            self.engine.judge(container.id, "healthy")
        self.cluster.advance(1)
        self.assertTrue(self.cluster.claims[ONE].healthy)
        return container.id

    @property
    def served(self) -> bool:
        """Whether the instance has a name; where it has a route, whether that leads to it is the same."""
        named = resolved(self.agent, b"1", b"web", b"myapp")
        assert self.agent.routing is not None
        if self.agent.routing.routes:
            self.assertEqual(bool(routed(self.agent)), named)
        return named


class PausedTests(AilingCase):
    """Somebody pauses a container."""

    def test_not_served(self) -> None:
        """It is told as unhealthy at once, whatever its check finds, has neither name nor route, and is let be."""
        for parts in CHECKS:
            with self.subTest(parts=parts):
                container = self.define(definition(**parts))
                self.assertTrue(self.served)
                self.engine.pause(container)
                self.cluster.advance(0.2)
                claim = self.cluster.claims[ONE]
                self.assertEqual((claim.state, claim.healthy, claim.reason), (State.UNHEALTHY, False, "it is paused"))
                self.assertFalse(self.served)
                self.agent.looked.clear()
                self.cluster.advance(60)
                self.assertEqual(([c.id for c in self.agent.running], self.agent.looked), ([container], []))
                self.engine.pause(container, False)
                self.cluster.advance(1)
                self.assertTrue(self.served)
                self.cluster.delete(definition().name)
                self.cluster.advance(1)
