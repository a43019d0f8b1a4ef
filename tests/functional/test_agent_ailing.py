"""What an agent tells of containers that something outside keeps from serving, on real parts."""

from __future__ import annotations

from contextlib import closing

from docker import APIClient

from tests.functional.docker_engine import sample_image, until
from tests.functional.test_agent_path import HTTP, AgentTestCase


class AilingTests(AgentTestCase):
    """One service with a route."""

    def client(self) -> APIClient:
        client = self.enterContext(closing(APIClient(base_url=self.agent.engine, version="auto")))
        assert isinstance(client, APIClient)
        return client

    def reason(self) -> str:
        """What ``daprdockrcmd ps`` says is wrong with the instance."""
        return str(self.agent.instances(self.web)[0]["Reason"])

    def is_served(self) -> bool:
        return "no instance" not in self.agent.curl("demo.test") and self.agent.dig(f"{self.web}.container") != ""

    def test_paused(self) -> None:
        """A paused container has neither name nor route, and is served again when its pause ends."""
        self.agent.define(self.web, 1, sample_image(), Http=HTTP)
        ids = self.agent.ids(self.web)
        self.client().pause(ids[0])
        until(lambda: self.reason() == "it is paused")
        until(lambda: not self.is_served())
        self.client().unpause(ids[0])
        until(self.is_served)
        self.assertEqual(self.agent.ids(self.web), ids)
