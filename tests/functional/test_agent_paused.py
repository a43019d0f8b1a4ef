"""A service that is paused from the command line, on real parts."""

from __future__ import annotations

import json
import subprocess

from tests.rig.agent_case import HTTP, AgentTestCase
from tests.rig.docker_engine import sample_image, until

PAGE = "<p>back at five</p>"


class PausedTests(AgentTestCase):
    """One agent, its nginx and a service with an instance, whose claim outlives a restart on a slow machine, too."""

    started = False

    def setUp(self) -> None:
        super().setUp()
        self.agent.start(ttl=20)

    def test_paused(self) -> None:
        """
        A request waits until the service is resumed; a page outlasts definitions and the agent, while the name still
        leads to the instance.
        """
        self.agent.define(self.web, 1, sample_image(), Http=HTTP)
        until(self.is_served)
        self.agent.command("pause", self.web)
        until(lambda: not self.is_served())
        waiting = self.ask(30)
        self.agent.command("resume", self.web)
        self.assertEqual(waiting.communicate(timeout=60)[0], "200")

        self.agent.command("pause", self.web, "-maintenance", "-", stdin=PAGE)
        until(lambda: self.agent.curl("demo.test") == PAGE)
        self.agent.define(self.web, 2, sample_image(), Http=HTTP)
        self.agent.kill()
        self.assertEqual(self.agent.curl("demo.test"), PAGE)
        self.agent.start()
        self.assertEqual(self.agent.curl("demo.test"), PAGE)
        self.assertEqual(self.agent.dig(f"1.{self.web}.container"), "127.0.0.1")
        (row,) = json.loads(self.agent.command("status", "-o", "json"))["Services"]
        self.assertEqual(row["Paused"]["Mode"], "maintenance")
        self.assertIn("under maintenance by", self.agent.command("status"))
        self.agent.command("resume", self.web)
        until(self.is_served)

    def ask(self, seconds: int) -> subprocess.Popen[str]:
        """A request under way; it prints the status of its answer, 000 if none comes in this time."""
        command = ["curl", "-s", "-m", str(seconds), "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: demo.test"]
        return subprocess.Popen(
            [*command, f"http://127.0.0.1:{self.agent.http_port}/"], stdout=subprocess.PIPE, text=True
        )

    def is_served(self) -> bool:
        return self.ask(1).communicate(timeout=60)[0] == "200"
