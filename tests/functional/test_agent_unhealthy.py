"""Containers whose health checks go on failing, on a real Engine and etcd."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

from docker import APIClient

from tests.rig.agent_case import AgentTestCase
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.etcd_members import shared

FRAIL = """
[ -e /began ] || touch /well
touch /began
echo the disk is gone
exec sleep 1000
"""
"""When its file ``/well`` is removed it is never well again."""

DEPENDENT = "exec sleep 1000"

ALLOW = ("--allow", "binds")


class UnhealthyTests(AgentTestCase):
    """Checks of type ``exec``, which look for a file, and ``history``: each signal and start of its containers."""

    started = False

    def setUp(self) -> None:
        super().setUp()
        self.agent.options = ALLOW
        self.agent.start()
        self.history: list[tuple[str, str]] = []
        client = self.enterContext(closing(APIClient(base_url=self.agent.engine, version="auto")))
        self.client: APIClient = client
        watched = APIClient(base_url=self.agent.engine, version="auto")
        filters = {"type": ["container"], "event": ["kill", "start"], "label": ["io.daprdockr.instance"]}
        stream = watched.events(decode=True, filters=filters)
        watcher = Thread(target=self.watch, args=(stream,))
        watcher.start()
        self.addCleanup(watcher.join)
        self.addCleanup(stream.close)

    def watch(self, stream: Any) -> None:
        for event in stream:
            instance = event["Actor"]["Attributes"]["io.daprdockr.instance"]
            if instance.endswith(self.web):
                self.history.append((event["Action"], instance))

    def begin(self, instances: int, file: str, program: str, binds: Sequence[str] = ()) -> None:
        name, group = self.web.split(".")
        health = {"Type": "exec", "Cmd": ["test", "-e", file], "Interval": 0.5, "Timeout": 20, "Retries": 2}
        container = {"Image": sample_image(), "Entrypoint": ["sh", "-c", program], "Binds": list(binds)}
        definition = {"Name": name, "Group": group, "Instances": instances, "Container": container, "Health": health}
        self.agent.command("-stdin", stdin=json.dumps(definition | {"StopTimeout": 1}))
        self.agent.command("wait", self.web)

    def events(self) -> list[dict[str, Any]]:
        found = json.loads(self.agent.command("events", "-o", "json"))
        return [event for event in found if "is restarted" in event["Text"]]

    def starts(self, number: int) -> int:
        return self.history.count(("start", f"{number}.{self.web}"))

    def test_one(self) -> None:
        """One that is never well again is started anew, and an event says why, with its last line; no other one is."""
        self.begin(2, "/well", FRAIL)
        first, second = self.agent.ids(self.web)
        self.client.exec_start(self.client.exec_create(first, ["rm", "/well"])["Id"])
        until(lambda: self.starts(1) >= 3, seen=self.agent.story)
        until(lambda: bool(self.events()), seen=self.agent.story)
        (event,) = self.events()
        self.assertEqual(f"1.{self.web}", event["Subject"])
        self.assertIn("the command test -e /well fails", event["Text"])
        self.assertEqual(["the disk is gone"], event["Lines"])
        self.assertIn("/well fails", self.agent.instances(self.web)[0]["Reason"])
        self.assertEqual((1, True), (self.starts(2), second in self.agent.ids(self.web)))

    def test_all(self) -> None:
        """
        Three on two nodes, which all fail because what they share is away, are started anew one at a time, and all are
        well when it is back.
        """
        other = AgentProcess(shared().urls, engine_url(), *ALLOW, prefix=self.agent.group, node="other")
        self.addCleanup(other.close)
        other.start()
        needed = self.agent.home / "shared" / "needed"
        needed.parent.mkdir()
        needed.touch()
        until(lambda: sum(node["Ready"] for node in json.loads(self.agent.command("nodes", "-o", "json"))) == 2)
        self.begin(3, "/shared/needed", DEPENDENT, [f"{needed.parent}:/shared:ro"])
        ids = sorted([*self.agent.ids(self.web), *other.ids(self.web)])
        self.assertEqual([True, True], [bool(one.ids(self.web)) for one in (self.agent, other)])

        needed.unlink()
        everyone = (1, 2, 3)
        until(lambda: all(self.starts(number) >= 2 for number in everyone), seen=self.agent.story)
        self.make_well(needed)
        self.assertEqual(ids, sorted([*self.agent.ids(self.web), *other.ids(self.web)]))
        self.assertEqual([], self.overlaps())
        starts = [self.starts(number) for number in everyone]
        self.assertLessEqual(max(starts), 5, starts)

    def make_well(self, needed: Path) -> None:
        """Let what they share be back."""
        needed.touch()
        self.agent.command("wait", self.web)

    def overlaps(self) -> list[tuple[str, str]]:
        """Return the signals that were sent to one while another one was being replaced."""
        found, replaced = [], ""
        for action, instance in self.history:
            if action == "kill" and replaced not in ("", instance):
                found.append((replaced, instance))
            replaced = instance if action == "kill" else replaced if instance != replaced else ""
        return found
