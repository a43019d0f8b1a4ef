"""Instances that hang or die, under a client that repeats nothing, on real parts."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import closing

from docker import APIClient

from tests.rig.agent_case import AgentTestCase
from tests.rig.docker_engine import until
from tests.rig.python_image import PORT, python_image, web_container
from tests.rig.strict_client import StrictClient, Target, Wanted
from tests.rig.suspension import resume, suspend

HTTP = {"HostName": "web.test", "ContainerPort": str(PORT)}
HEALTH = {"Type": "http", "Path": "/", "Port": str(PORT), "Interval": 2, "Timeout": 0.8, "Retries": 100}
RATE = 100
FEW = 50
"""More requests than a hung instance may get: a third of all within two intervals would be more than twice as many."""


class HungTests(AgentTestCase):
    """Three instances, of which one stands still; the client gives up after six seconds."""

    def setUp(self) -> None:
        super().setUp()
        self.agent.define(self.web, 3, python_image(), Container=web_container(), Http=HTTP, Health=HEALTH)
        until(lambda: len(self.agent.served_by("web.test", 6)) == 3, seen=self.agent.story)
        self.hung = self.agent.ids(self.web)[0]

    def client(self) -> StrictClient:
        return StrictClient(Wanted((Target(self.agent.http_port, "web.test"),), rate=RATE, limit=6.0))

    def is_out(self) -> bool:
        """Whether the node has taken the first instance for unhealthy, and each part knows it."""
        return not self.agent.instances(self.web)[0]["Healthy"] and self.agent.dig(f"1.{self.web}.container") == ""

    def is_back(self) -> bool:
        return bool(self.agent.instances(self.web)[0]["Healthy"]) and len(self.agent.served_by("web.test", 6)) == 3

    def some(self, client: StrictClient) -> Counter[str]:
        """Return what is lost of enough requests to reach every instance."""
        sent, lost = 0, Counter[str]()
        while sent < 2 * RATE:
            taken = client.take()
            sent += taken.sent
            lost.update(taken.lost)
        return lost

    def lost(self, hang: Callable[[], object], go_on: Callable[[], object]) -> int:
        """Let it hang until it is out, and go on when no request goes to it any more; how many were lost by then."""
        with self.client() as client:
            self.assertEqual({}, client.take().lost)
            hang()
            try:
                until(self.is_out, seen=self.agent.story)
                before = client.take()
                self.assertEqual(Counter(), self.some(client), self.agent.story())
            finally:
                go_on()
            until(self.is_back, seen=self.agent.story)
            self.assertEqual({}, client.take().lost, self.agent.story())
        return before.losses

    def test_few_are_lost(self) -> None:
        """
        A process that stands still gets few requests until its checks have failed, and then none; a paused container
        needs no check for that. When they go on they are served again, and no other instance lost anything.
        """
        pid = self.agent.pid_of(self.hung)
        stopped = self.lost(lambda: suspend(pid), lambda: resume(pid))
        with closing(APIClient(base_url=self.agent.engine, version="auto")) as engine:
            paused = self.lost(lambda: engine.pause(self.hung), lambda: engine.unpause(self.hung))
        self.assertGreater(stopped, 0)
        self.assertLess(max(stopped, paused), FEW)


class AloneTests(AgentTestCase):
    """One instance and no other."""

    def test_killed(self) -> None:
        """
        Requests that come while it is started again wait for it, and those under way are repeated: none is lost. Each
        meets one death: those of before are awaited first, because no request goes to an instance a third time.
        """
        self.agent.define(self.web, 1, python_image(), Container=web_container(), Http=HTTP)
        until(lambda: bool(self.agent.curl("web.test")), seen=self.agent.story)
        (container,) = self.agent.ids(self.web)
        wanted = Wanted((Target(self.agent.http_port, "web.test"),), rate=RATE, posts=False)
        with StrictClient(wanted) as client:
            for _ in range(3):
                pid = self.agent.pid_of(container)
                os.kill(pid, signal.SIGKILL)
                until(lambda pid=pid: self.agent.pid_of(container) not in (0, pid))  # type: ignore[misc]
                self.agent.command("wait", self.web, "-timeout", "60")
                taken = client.take()
                self.assertGreater(taken.sent, 0)
                self.assertEqual({}, taken.lost, self.agent.story())
