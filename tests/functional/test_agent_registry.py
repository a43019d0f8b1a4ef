"""A tag that moves, on a real registry and two Engines, with a client at nginx that repeats nothing."""

from __future__ import annotations

import json

from tests.rig.agent_case import HTTP, AgentTestCase
from tests.rig.agent_process import AgentProcess
from tests.rig.cgi_programs import HASTY
from tests.rig.docker_engine import PrivateEngine, until
from tests.rig.etcd_members import missing, shared
from tests.rig.registry import NAME, Registry, missing_registry
from tests.rig.strict_client import StrictClient, Target, Wanted

INSTANCES = 4

RATE = 10
"""Requests per second: each starts a process in a container."""


class MovingTagTests(AgentTestCase):
    """Two nodes, each with an Engine of its own, which have the image from one registry."""

    skip = missing() or missing_registry()

    def setUp(self) -> None:
        super().setUp()
        self.registry = Registry()
        self.addCleanup(self.registry.close)
        self.registry.start()
        self.engine = PrivateEngine()
        self.addCleanup(self.engine.end)
        self.other = AgentProcess(shared().urls, self.engine.url, prefix=self.agent.group, node="other")
        self.addCleanup(self.other.close)
        self.other.start()
        until(lambda: sum(node["Ready"] for node in json.loads(self.agent.command("nodes", "-o", "json"))) == 2)

    def test_restart(self) -> None:
        """
        ``restart`` gives all instances what the tag leads to, resolved once. While the registry is away a node that has
        no such image waits, and says why; it goes on when the registry is back. No request is lost.
        """
        self.registry.push(self.agent.engine, "1")
        self.store()
        self.assertEqual({self.registry.image}, set(self.images(self.agent, self.other)))
        target = Target(self.agent.http_port, HTTP["HostName"], "127.0.0.1", "/cgi-bin/quick")
        until(lambda: self.agent.curl(HTTP["HostName"], f"http://127.0.0.1:{target.port}{target.path}") == "answered")
        with StrictClient(Wanted((target,), rate=RATE)) as client:
            second = self.registry.push(self.agent.engine, "2")
            self.agent.command("restart", self.web)
            self.run_all(second)
            self.restart_without_registry()
            taken = client.take()
        self.assertEqual(({}, True), (taken.lost, taken.sent > 0))

    def restart_without_registry(self) -> None:
        """One node is through when the registry goes away; the Engine of the other one stands still until then."""
        before = self.images(self.other)
        third = self.registry.push(self.agent.engine, "3")
        with self.engine.frozen():
            self.agent.command("restart", self.web)
            until(lambda: self.images(self.agent) == [self.pinned(third)] * len(before), seen=self.agent.story)
            self.registry.stop()
        until(lambda: self.reasons() == ["the changed definition waits for its image"], seen=self.other.story)
        self.assertEqual(before, self.images(self.other))
        self.registry.start()
        self.run_all(third)

    def run_all(self, digest: str) -> None:
        """Wait until all instances run this image, and nothing else does."""
        self.agent.command("wait", self.web)
        wanted = [self.pinned(digest)] * INSTANCES
        until(lambda: self.images(self.agent, self.other) == wanted, seen=self.other.story)

    def store(self) -> None:
        name, group = self.web.split(".")
        container = {"Image": self.registry.image, "Entrypoint": ["sh", "-c", HASTY]}
        definition = {"Name": name, "Group": group, "Instances": INSTANCES, "Container": container, "Http": HTTP}
        more = {"Update": {"MinHealthy": 1, "Parallelism": INSTANCES}, "StopTimeout": 1}
        self.agent.command("-stdin", stdin=json.dumps(definition | more))
        self.agent.command("wait", self.web)

    def pinned(self, digest: str) -> str:
        return f"127.0.0.1:{self.registry.port}/{NAME}@{digest}"

    def images(self, *agents: AgentProcess) -> list[str]:
        """The references from which the containers of these nodes were made, as their Engines list them now."""
        return [str(container["Image"]) for agent in agents for container in agent.containers()]

    def reasons(self) -> list[str]:
        """Why instances are not as they should be, without the registry's own words."""
        found = {one["Reason"].partition(":")[0] for one in self.agent.instances(self.web) if one["Reason"]}
        return sorted(found)
