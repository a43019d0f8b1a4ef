"""A test with one agent on real parts."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, sample_image
from tests.rig.etcd_members import missing, shared

HTTP = {"HostName": "demo.test", "ContainerPort": "8080"}


class AgentTestCase(TestCase):
    """A test with one agent over three members of etcd, which runs unless the test is to start it."""

    timeout = 300
    skip = missing()
    started = True

    def setUp(self) -> None:
        sample_image()
        self.agent = AgentProcess(shared().urls, engine_url())
        self.addCleanup(self.agent.close)
        self.web = f"web.{self.agent.group}"
        if self.started:
            self.agent.start()
