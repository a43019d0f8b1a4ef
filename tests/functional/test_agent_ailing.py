"""An agent reports containers that something outside keeps from serving, on real parts."""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import Any

from docker import APIClient

from tests.rig.agent_case import HTTP, AgentTestCase
from tests.rig.docker_engine import sample_image, until


class AilingTests(AgentTestCase):
    """One service with a route."""

    def client(self) -> APIClient:
        client = self.enterContext(closing(APIClient(base_url=self.agent.engine, version="auto")))
        assert isinstance(client, APIClient)
        return client

    def reason(self) -> str:
        """The reason that ``daprdockrcmd ps`` gives for the instance."""
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

    def test_refused(self) -> None:
        """A definition that the Engine refuses says why in ``ps`` and ``status``, and once for each in ``events``."""
        kinds: dict[str, tuple[dict[str, Any], str]] = {
            "memory": ({"Memory": 4096}, "Minimum memory limit"),
            "option": ({"LogConfig": {"Type": "json-file", "Config": {"nowhere": "1"}}}, "unknown log opt 'nowhere'"),
            "sysctl": ({"Sysctls": {"kernel.pid_max": "99"}}, '"kernel.pid_max" is not in a separate kernel namespace'),
            "network": ({"NetworkMode": "nowhere"}, "network nowhere not found"),
            "command": ({"Cmd": ["/nowhere"]}, "stat /nowhere: no such file or directory"),
        }
        for name, (fields, _) in kinds.items():
            container = {"Image": sample_image(), **fields}
            given = {"Name": name, "Group": self.agent.group, "Instances": 1, "Container": container}
            self.agent.command("-stdin", stdin=json.dumps(given))
        for name in kinds:
            until(lambda name=name: self.tries(name) >= 3)  # type: ignore[misc]
        shown = {one["Instance"].split(".")[1]: one for one in json.loads(self.agent.command("ps", "-o", "json"))}
        status = self.agent.command("status")
        events = json.loads(self.agent.command("events", "-o", "json"))
        for name, (_, reason) in kinds.items():
            self.assertEqual(shown[name]["State"], "backing-off", f"{shown[name]} {self.agent.log}")
            self.assertIn(reason, shown[name]["Reason"])
            self.assertIn(reason, status)
            told = [event["Text"] for event in events if f".{name}." in event["Subject"]]
            self.assertEqual(len(told), 1, told)
            self.assertIn(reason, told[0])

    def tries(self, name: str) -> int:
        """How often a container of a service could not be created or started."""
        return len(re.findall(rf"could not (?:create a|start) container .*\b1\.{name}\.", self.agent.log))
