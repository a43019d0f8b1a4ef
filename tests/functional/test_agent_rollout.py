"""A changed definition on a real Engine, with a client at nginx that repeats nothing."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.rig.agent_case import HTTP, AgentTestCase
from tests.rig.cgi_programs import HASTY, STUBBORN
from tests.rig.docker_engine import sample_image, until
from tests.rig.empty_registry import empty_registry
from tests.rig.strict_client import StrictClient, Target, Wanted

RATE = 40
"""Requests per second: each starts a process in a container."""


class RolloutTests(AgentTestCase):
    """Two instances that answer requests all the time."""

    def store(self, program: str, image: str = "") -> None:
        name, group = self.web.split(".")
        container = {"Image": image or sample_image(), "Entrypoint": ["sh", "-c", program]}
        definition = {"Name": name, "Group": group, "Instances": 2, "Container": container, "Http": HTTP}
        more = {"Update": {"MinHealthy": 1}, "StopTimeout": 1}
        self.agent.command("-stdin", stdin=json.dumps(definition | more))

    def begin(self) -> StrictClient:
        """Run the program that ends at once on TERM, and ask it for pages."""
        self.store(HASTY)
        self.agent.command("wait", self.web)
        port, paths = self.agent.http_port, ("quick", "quick", "slow")
        url = f"http://127.0.0.1:{port}/cgi-bin/quick"
        until(lambda: self.agent.curl(HTTP["HostName"], url) == "answered")
        targets = tuple(Target(port, HTTP["HostName"], "127.0.0.1", f"/cgi-bin/{path}") for path in paths)
        return StrictClient(Wanted(targets, rate=RATE))

    def test_nothing_is_lost(self) -> None:
        """Containers that end at once on TERM, and such that ignore it, are replaced, and no request is lost."""
        with self.begin() as client:
            for program in (STUBBORN, HASTY):
                before = self.agent.ids(self.web)
                self.store(program)
                self.agent.command("wait", self.web)
                until(lambda: len(self.agent.containers()) == 2)
                self.assertTrue(set(before).isdisjoint(self.agent.ids(self.web)))
                taken = client.take()
                self.assertEqual(({}, True), (taken.lost, taken.sent > 0))

    def test_failures_are_reverted(self) -> None:
        """A program that ends at once, and an image that does not exist, are reverted, and no request is lost."""
        with self.begin() as client, empty_registry() as registry:
            until(lambda: self.revisions()[-1]["Good"])
            before = self.agent.ids(self.web)
            for program, image, reason in (
                ("echo giving up; exit 3", sample_image(), "exit status 3"),
                (HASTY, f"{registry}/web:1", "could not be pulled"),
            ):
                self.store(program, image)
                waited = self.agent.run("wait", self.web, "-timeout", "80")
                self.assertEqual(1, waited.returncode, waited)
                self.assert_says(waited, reason)
                self.assert_says(self.agent.run("status", self.web), reason)
                until(lambda: "the rollout was reverted" in self.agent.command("events"))
                until(lambda: len(self.agent.containers()) == 2)
                self.assertEqual(set(before), set(self.agent.ids(self.web)))
                taken = client.take()
                self.assertEqual(({}, True), (taken.lost, taken.sent > 0))
            reverts = [one["By"] for one in self.revisions() if one["By"].startswith("revert by node ")]
            self.assertEqual((2, 5), (len(reverts), len(self.revisions())))

    def revisions(self) -> list[dict[str, Any]]:
        """The history of the service, oldest first."""
        return list(json.loads(self.agent.command("history", self.web, "-o", "json")))

    def assert_says(self, done: subprocess.CompletedProcess[str], reason: str) -> None:
        """The output names the reason, and what the container logged last."""
        self.assertIn("the rollout was reverted", done.stderr)
        self.assertIn(reason, done.stderr)
        if "exit" in reason:
            self.assertIn("giving up", done.stdout + done.stderr)
