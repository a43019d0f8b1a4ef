"""Whole agents whose containers are kept from serving: the reports about it, and the effect on names and routes."""

from __future__ import annotations

from typing import Any

from daprdockr.model.stored.claim import State
from daprdockr.model.wanted.definition import Definition
from tests.build.values import HTTP, KEYS, definition
from tests.build.whole import ONE, WholeCase, resolved, routed

CHECKS: tuple[dict[str, Any], ...] = (
    {},
    {"Http": HTTP},
    {"Health": {"Type": "http", "Port": "8080"}},
    {"Health": {"Type": "exec", "Cmd": ["true"]}},
    {"Health": {"Type": "docker"}},
)
"""One definition for each way to find out whether an instance is well."""


ODD = {"LogConfig": {"Type": "json-file", "Config": {"odd": "1"}}}
"""Fields of a container that the Engine refuses to create."""


class AilingCase(WholeCase):
    """One node whose image has a health check."""

    def setUp(self) -> None:
        super().setUp()
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
        """It is reported as unhealthy at once, whatever its check finds, has neither name nor route, and is let be."""
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


class EngineAwayTests(AilingCase):
    """The Engine answers nothing, and checks by TCP and HTTP go on: Note [Reported without the Engine]."""

    def test_reported(self) -> None:
        """A container that fails its check meanwhile loses its name and routes, and has them back when it is well."""
        for parts in CHECKS[1:3]:
            with self.subTest(parts=parts):
                container = self.define(definition(**parts))
                self.engine.unavailable = True
                self.cluster.advance(10)
                self.assertTrue(self.served)
                started = self.engine.calls["create"]
                self.agent.unhealthy[container] = "status 500"
                self.cluster.advance(20)
                claim = self.cluster.claims[ONE]
                self.assertEqual((claim.state, claim.healthy), (State.UNHEALTHY, False))
                self.assertIn("port 8080", claim.reason)
                self.assertFalse(claim.leaving or claim.overdue or claim.due)
                self.assertFalse(self.served)
                self.agent.unhealthy.clear()
                self.cluster.advance(20)
                self.assertTrue(self.served)
                self.engine.unavailable = False
                self.cluster.advance(20)
                self.assertEqual([c.id for c in self.agent.running], [container])
                self.assertEqual(self.engine.calls["create"], started)
                self.cluster.delete(definition().name)
                self.cluster.advance(5)


class RefusedTests(AilingCase):
    """A definition that the Engine refuses."""

    def test_told_once(self) -> None:
        """The reason is in the claim, is an event once, and is written once, however often it is tried."""
        self.cluster.define(definition(Container=ODD))
        self.cluster.advance(0.5)
        self.assertIn("unknown log opt 'odd'", self.cluster.claims[ONE].reason)
        self.cluster.advance(620)  # by then it is overdue, a mark of etcd's history is written, and no other follows
        revision = self.cluster.store.list(KEYS.root).revision
        tries = self.engine.calls["create"]
        self.cluster.advance(600)
        self.assertEqual(self.cluster.store.list(KEYS.root).revision, revision)
        self.assertIn(self.engine.calls["create"] - tries, range(8, 15))
        self.assertEqual(len(self.events), 1, self.events)
        self.assertEqual(self.cluster.claims[ONE].state, State.BACKING_OFF)

    def test_mended(self) -> None:
        """A definition that is mended is carried out at once, however long the old one would have waited."""
        self.cluster.define(definition(Container=ODD))
        self.cluster.advance(120)
        self.cluster.define(definition())
        self.cluster.advance(0.5)
        self.assertEqual([str(container.instance) for container in self.agent.running], [ONE])
        self.assertEqual(self.cluster.claims[ONE].reason, "")
