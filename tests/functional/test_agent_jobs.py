"""
Jobs on a real Engine and etcd: the agent is killed while a run goes on, a person runs one by hand, and the command
before a rollout fails.
"""

from __future__ import annotations

import json
from typing import Any

from tests.rig.agent_case import HTTP, AgentTestCase
from tests.rig.docker_engine import sample_image, until

SLOW = "echo began; sleep 4; echo counted 7; echo once >&2; exit 5"


class JobTests(AgentTestCase):
    """One job, ``report``."""

    def setUp(self) -> None:
        super().setUp()
        self.report = f"report.{self.agent.group}"

    def define(self, schedule: dict[str, Any], program: str) -> None:
        name, group = self.report.split(".")
        container = {"Image": sample_image(), "Entrypoint": ["sh", "-c"], "Cmd": [program]}
        definition = {"Name": name, "Group": group, "Container": container, "Schedule": schedule}
        self.agent.command("-stdin", stdin=json.dumps(definition))

    def runs(self) -> list[dict[str, Any]]:
        return list(json.loads(self.agent.command("job", "history", self.report, "-o", "json")))

    def test_agent_killed(self) -> None:
        """A run that ends while its agent is gone is not begun again: its status and last lines are found."""
        self.define({"Once": True}, SLOW)
        until(lambda: [c["State"] for c in self.agent.containers()] == ["running"], seen=self.agent.story)
        self.agent.kill()
        until(lambda: [c["State"] for c in self.agent.containers()] == ["exited"], seen=self.agent.story)
        self.agent.start()
        until(lambda: self.runs()[0]["State"] == "failed", seen=self.agent.story)
        (run,) = self.runs()
        self.assertEqual((run["Run"], run["Status"], run["Reason"], run["Attempt"]), (1, 5, "exit status 5", 1))
        lines = self.agent.command("job", "logs", self.report, "1").splitlines()
        self.assertEqual(sorted(lines), ["began", "counted 7", "once"])
        until(lambda: self.agent.containers() == [], seen=self.agent.story)

    def test_by_hand(self) -> None:
        """``job run`` exits with the status of its run, and prints its last lines; its words are the command."""
        self.define({"Cron": "0 0 1 1 *"}, "exit 9")
        self.assertEqual(self.agent.run("job", "run", self.report).returncode, 9)
        done = self.agent.run("job", "run", self.report, "--", "echo counted 8")
        self.assertEqual((done.returncode, done.stdout), (0, "counted 8\n"))
        self.assertEqual([run["Status"] for run in self.runs()], [9, 0])
        (job,) = json.loads(self.agent.command("job", "ls", "-o", "json"))
        self.assertEqual((job["Job"], job["State"], job["Next"] % 86400), (self.report, "done", 0))

    def test_before_fails(self) -> None:
        """The rollout does not begin, the container of the former definition serves throughout, and people see why."""
        self.agent.define(self.web, 1, sample_image(), Http=HTTP)
        until(lambda: self.agent.served_by("demo.test") == {f"1.{self.web} 1"}, seen=self.agent.story)
        ids, (name, group) = self.agent.ids(self.web), self.web.split(".")
        container = {"Image": sample_image(), "Entrypoint": ["sh", "-c"], "Cmd": ["exit 3"]}
        changed = {"Name": name, "Group": group, "Container": container, "Http": HTTP}
        changed["Before"] = {"Cmd": ["echo no such table; exit 7"]}
        with self.agent.asked_all_the_time("demo.test") as answers:
            self.agent.command("-stdin", stdin=json.dumps(changed))
            waited = self.agent.run("wait", self.web)
        self.assertEqual((answers, self.agent.ids(self.web)), ({f"1.{self.web} 1"}, ids))
        self.assertIn("Before failed: exit status 7", waited.stderr)
        self.assertIn("Before failed: exit status 7", self.agent.command("status"))
        self.assertEqual(self.agent.command("job", "logs", self.web, "1"), "no such table\n")
