"""A changed definition on a real Engine, with a client at nginx that repeats nothing."""

from __future__ import annotations

import json

from tests.rig.agent_case import HTTP, AgentTestCase
from tests.rig.cgi_programs import HASTY, STUBBORN
from tests.rig.docker_engine import sample_image, until
from tests.rig.strict_client import StrictClient, Target, Wanted

RATE = 40
"""Requests per second: each starts a process in a container."""


class RolloutTests(AgentTestCase):
    """Two instances that answer requests all the time."""

    def store(self, program: str) -> None:
        name, group = self.web.split(".")
        container = {"Image": sample_image(), "Entrypoint": ["sh", "-c", program]}
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

    def test_new_one_ends(self) -> None:
        """A program that ends at once replaces nothing: the old containers go on, and ``ps`` says why."""
        with self.begin() as client:
            before = self.agent.ids(self.web)
            self.store("exit 3")
            until(lambda: any("exit status 3" in one["Reason"] for one in self.agent.instances(self.web)))
            self.assertEqual({}, client.take().lost)
            self.assertLessEqual(set(before), set(self.agent.ids(self.web)))
