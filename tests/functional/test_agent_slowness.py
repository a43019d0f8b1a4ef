"""One service's slowness delays that service and no other: checks, stops and pulls that wait, beside a repair."""

from __future__ import annotations

import json

from twisted.trial.unittest import TestCase

from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import PrivateEngine, sample_image, until
from tests.rig.etcd_members import missing, shared
from tests.rig.slowness import KINDS, Slowness


class SlownessTests(TestCase):
    """All kinds at once; without shares of the threads the container was not started again within 90 s."""

    timeout = 400
    skip = missing()

    def test_repair(self) -> None:
        """Forty slow checks succeed, and a killed container of another service runs again, whatever else hangs."""
        sample_image()
        with Slowness(shared().urls) as slow:
            slow.begin(*KINDS)
            slow.repair()
            self.assertIn("web", slow.agent.command("ps"))
            self.assertNotIn("lease has ended", slow.agent.log)


class HungEngineTests(TestCase):
    """An Engine that takes calls and answers none."""

    timeout = 200
    skip = missing()

    def test_frozen(self) -> None:
        """The agent says so, and its node is not ready, before any call to the Engine has run out of time."""
        engine = PrivateEngine()
        self.addCleanup(engine.end)
        sample_image(engine.url)
        agent = AgentProcess(shared().urls, engine.url)
        self.addCleanup(agent.close)
        agent.start()
        agent.define(f"web.{agent.group}", 1, sample_image(engine.url), Health={"Type": "none"})
        until(lambda: self.is_ready(agent))
        with engine.frozen():
            until(lambda: "Engine hangs" in agent.curl("", f"http://127.0.0.1:{agent.api_port}/healthz"), 30)
            until(lambda: not self.is_ready(agent), 30)
        until(lambda: agent.is_well() and self.is_ready(agent))
        self.assertEqual(len(agent.ids(f"web.{agent.group}")), 1)

    def is_ready(self, agent: AgentProcess) -> bool:
        return any(node["Ready"] for node in json.loads(agent.command("nodes", "-o", "json")))
