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
    """An Engine that takes calls and answers none, or carries none out."""

    timeout = 200
    skip = missing()

    def setUp(self) -> None:
        self.engine = PrivateEngine()
        self.addCleanup(self.engine.end)
        self.image = sample_image(self.engine.url)
        self.agent = AgentProcess(shared().urls, self.engine.url)
        self.addCleanup(self.agent.close)
        self.agent.start()
        until(self.is_ready)

    def test_frozen(self) -> None:
        """The agent says so, and its node is not ready, before any call to the Engine has run out of time."""
        self.define("web")
        with self.engine.frozen():
            until(lambda: "Engine hangs" in self.health(), 30)
            until(lambda: not self.is_ready(), 30)
        self.is_mended()
        self.assertEqual(len(self.agent.ids(f"web.{self.agent.group}")), 1)

    def test_containerd_frozen(self) -> None:
        """The same where the Engine answers and its containerd does not, whether or not a container runs there."""
        for name in ("web", "api"):
            with self.engine.frozen(containerd=True):
                until(lambda: "its containerd did not answer" in self.health(), 30)
                until(lambda: not self.is_ready(), 30)
            self.is_mended()
            self.define(name)

    def define(self, name: str) -> None:
        self.agent.define(f"{name}.{self.agent.group}", 1, self.image, Health={"Type": "none"})

    def health(self) -> str:
        return self.agent.curl("", f"http://127.0.0.1:{self.agent.api_port}/healthz")

    def is_ready(self) -> bool:
        return any(node["Ready"] for node in json.loads(self.agent.command("nodes", "-o", "json")))

    def is_mended(self) -> None:
        until(lambda: self.agent.is_well() and self.is_ready())
