"""Several agents on one Docker Engine: of one cluster, and of two, on real parts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tests.rig.agent_case import HTTP, AgentTestCase
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.etcd_members import shared


class SharedEngineTests(AgentTestCase):
    """``self.agent`` and another one, both over the Engine of this test."""

    def another(self, **chosen: Any) -> AgentProcess:
        agent = AgentProcess(shared().urls, engine_url(), **chosen)
        self.addCleanup(agent.close)
        agent.start()
        return agent

    def test_one_cluster(self) -> None:
        """Each of two nodes keeps containers of its own, and a drained one hands its instances to the other."""
        other = self.another(prefix=self.agent.group, node="other")
        until(lambda: len(self.ready()) == 2)
        self.agent.define(self.web, 4, sample_image(), Http=HTTP)
        self.assertEqual([2, 2], [len(one.ids(self.web)) for one in (self.agent, other)])
        kept = self.agent.ids(self.web)

        self.agent.command("drain", "other", "-wait", "-timeout", "60")
        until(lambda: not other.containers())
        self.assertEqual(4, len(self.agent.ids(self.web)))
        self.assertLess(set(kept), set(self.agent.ids(self.web)))
        everyone = {f"{number}.{self.web} 1" for number in range(1, 5)}
        until(lambda: self.agent.served_by("demo.test") == everyone)

    def test_two_clusters(self) -> None:
        """Two clusters run a service of one name side by side; what becomes of it in one is nothing to the other."""
        other = self.another()
        for agent in (self.agent, other):
            agent.define("web.shared", 2, sample_image())
        kept = other.ids("web.shared")
        self.assertEqual([2, 2], [len(one) for one in (self.agent.ids("web.shared"), kept)])

        self.agent.command("-svc", "web.shared", "-del")
        until(lambda: not self.agent.containers())
        self.assertEqual(kept, other.ids("web.shared"))
        self.assertEqual([True, True], [one["Healthy"] for one in other.instances("web.shared")])
        self.assertEqual([], self.complaints((self.agent, other)))

    def test_two_clusters_one_node_name(self) -> None:
        """Agents of two clusters under one node name leave each other's containers alone, also after a restart."""
        first, second = (self.another(node=f"{self.agent.group}-node") for _ in range(2))
        first.define("web.shared", 1, sample_image())
        before = first.ids("web.shared")
        second.define("web.shared", 1, sample_image())
        both = second.ids("web.shared")
        self.assertEqual((1, 2), (len(before), len(both)))
        second.kill()
        second.start()
        second.command("-svc", "web.shared", "-del")
        until(lambda: second.ids("web.shared") == before)
        first.kill()
        first.start()
        first.command("wait", "web.shared")
        self.assertEqual([before[0]], [one["ContainerId"] for one in first.instances("web.shared")])
        self.assertEqual(before, first.ids("web.shared"))

    def ready(self) -> list[str]:
        return [node["Node"] for node in json.loads(self.agent.command("nodes", "-o", "json")) if node["Ready"]]

    def complaints(self, agents: Iterable[AgentProcess]) -> list[str]:
        """The lines of the agents' logs about actions that failed."""
        return [line for agent in agents for line in agent.log.splitlines() if "could not" in line]
