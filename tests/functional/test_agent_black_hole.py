"""Two agents with real Engines, of which one answers and starts nothing."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import TestCase

from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import PrivateEngine, engine_url, sample_image, unique_prefix, until
from tests.rig.engine_proxy import EngineProxy
from tests.rig.etcd_members import missing, shared

START = "POST /containers/[^/]+/start"


class BlackHoleTests(TestCase):
    """Before, five of ten instances stayed on such a node permanently."""

    timeout = 300
    skip = missing()

    def setUp(self) -> None:
        other = PrivateEngine()
        self.addCleanup(other.end)
        sample_image()
        sample_image(other.url)
        self.proxy = EngineProxy(other.url)
        self.proxy.__enter__()
        self.addCleanup(self.proxy.__exit__, None, None, None)
        self.group = unique_prefix()
        self.good, self.bad = (
            AgentProcess(shared().urls, url, prefix=self.group, node=f"{name}-{self.group}")
            for name, url in (("good", engine_url()), ("bad", self.proxy.url))
        )
        for agent in (self.good, self.bad):
            self.addCleanup(agent.close)
            agent.start()
        until(lambda: [node["Ready"] for node in self.nodes()] == [True, True])

    def nodes(self) -> list[dict[str, Any]]:
        return list(json.loads(self.good.command("nodes", "-o", "json")))

    def record(self) -> dict[str, Any]:
        return next(node for node in self.nodes() if node["Node"] == self.bad.node)

    def test_moves_and_comes_back(self) -> None:
        """All run on the other node, the reason is there to be read, and the node serves again when it can."""
        self.proxy.refuses(START)
        for service in ("web", "api"):
            self.good.define(f"{service}.{self.group}", 4, sample_image(), Health={"Type": "none"})
            self.assertEqual(len(self.good.ids(f"{service}.{self.group}")), 4)
        until(lambda: self.bad.containers() == [])
        until(lambda: "no space left on device" in self.record()["Trouble"])
        self.assertIn(f"nothing starts on {self.bad.node}: ", self.good.command("status"))
        refused = self.proxy.seen
        self.assertGreaterEqual(refused, 3)
        self.good.define(f"third.{self.group}", 3, sample_image(), Health={"Type": "none"})
        self.assertEqual((len(self.good.ids(f"third.{self.group}")), self.proxy.seen), (3, refused))
        self.proxy.heals()
        there = {"Constraints": [f"node == {self.bad.node}"]}
        self.good.define(f"tied.{self.group}", 1, sample_image(), Health={"Type": "none"}, Placement=there)
        until(lambda: self.record()["Trouble"] == "")
