"""The log of a real agent that starts, runs and stops, with nothing wrong."""

from __future__ import annotations

import json

from twisted.trial.unittest import TestCase

from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url
from tests.rig.etcd_members import missing, shared

MOST = 10
"""Lines of an ordinary start."""


class AgentLogTests(TestCase):
    timeout = 120
    skip = missing()

    def test_healthy(self) -> None:
        """An ordinary start takes at most ten lines, none of them a warning, each an object with its fields."""
        agent = AgentProcess(shared().urls, engine_url(), "--log-format", "json")
        self.addCleanup(agent.close)
        agent.start()
        lines = [json.loads(line) for line in agent.log.splitlines()]
        self.assertEqual({line["level"] for line in lines}, {"info"}, agent.log)
        self.assertLessEqual(len(lines), MOST, agent.log)
        self.assertEqual((lines[0]["node"], "version" in lines[0]), (agent.node, True))
        agent.stop()
        rest = [json.loads(line) for line in agent.log.splitlines()[len(lines) :]]
        self.assertEqual(rest[-1]["text"], f"the agent of node {agent.node} has ended")
        self.assertLessEqual(len(rest), 3, agent.log)
