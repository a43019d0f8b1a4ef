"""A changed definition on a real Engine, with a client at nginx that repeats nothing."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from attrs import field, frozen

from tests.rig.agent_case import HTTP, AgentTestCase
from tests.rig.cgi_programs import HASTY, SERVE, STUBBORN
from tests.rig.docker_engine import sample_image, until
from tests.rig.empty_registry import empty_registry
from tests.rig.strict_client import StrictClient, Target, Wanted

RATE = 40
"""Requests per second: each starts a process in a container."""

IN_VAIN = """
case $DAPRDOCKR_INSTANCE in 2.*) echo run >>/runs; [ $(wc -l </runs) -gt 4 ] || { echo giving up; exit 3; };; esac
"""
"""The second instance alone ends at once, four times."""


@frozen
class Failing:
    """
    A change that cannot end well, and what people have to hear of it: a part of the reason, and what the container
    logged last.
    """

    program: str
    reason: str
    said: str = ""
    image: str = ""
    update: dict[str, Any] = field(factory=dict)


def failing(absent: str) -> tuple[Failing, ...]:
    return (
        Failing("echo giving up; exit 3", "exit status 3", "giving up"),
        Failing(HASTY, "could not be pulled", image=absent),
        Failing(
            "echo still loading; exec sleep 1000",
            "not healthy within 10 s: nothing answers on port 8080",
            "still loading",
            update={"Deadline": 10},
        ),
        Failing(f"{SERVE}\nsleep 3; echo giving up; exit 4", "exit status 4", "giving up", update={"MinHealthy": 5}),
    )


class RolloutTests(AgentTestCase):
    """Instances that answer requests all the time."""

    def store(self, program: str, image: str = "", instances: int = 2, **update: Any) -> None:
        name, group = self.web.split(".")
        container = {"Image": image or sample_image(), "Entrypoint": ["sh", "-c", program]}
        definition = {"Name": name, "Group": group, "Instances": instances, "Container": container, "Http": HTTP}
        more = {"Update": {"MinHealthy": 1, **update}, "StopTimeout": 1}
        self.agent.command("-stdin", stdin=json.dumps(definition | more))

    def begin(self, instances: int = 2) -> StrictClient:
        """Run the program that ends at once on TERM, and ask it for pages."""
        self.store(HASTY, instances=instances)
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
                self.assert_nothing_lost(client)

    def test_failures_are_reverted(self) -> None:
        """
        A program that ends at once, an image that does not exist, a program that never answers, and one that dies a
        moment after it was healthy, are reverted, each once, and no request is lost.
        """
        with self.begin() as client, empty_registry() as registry:
            until(lambda: self.revisions()[-1]["Good"])
            before = self.agent.ids(self.web)
            for number, one in enumerate(failing(f"{registry}/web:1"), 1):
                self.store(one.program, one.image, **one.update)
                waited = self.agent.run("wait", self.web, "-timeout", "80")
                self.assertEqual(1, waited.returncode, waited)
                self.assert_says(waited, one)
                self.assert_says(self.agent.run("status", self.web), one)
                self.assert_told(number, one)
                until(lambda: len(self.agent.containers()) == 2)
                self.assertEqual(set(before), set(self.agent.ids(self.web)))
                self.assert_nothing_lost(client)
                reverts = [each["By"] for each in self.revisions() if each["By"].startswith("revert by node ")]
                self.assertEqual((number, 1 + 2 * number), (len(reverts), len(self.revisions())))

    def test_pause(self) -> None:
        """With ``OnFailure: pause`` a change stops half way, and a person lets it go on; or goes back."""
        with self.begin(instances=3) as client:
            until(lambda: self.revisions()[-1]["Good"])
            before = self.agent.ids(self.web)
            self.pause(f"{IN_VAIN}{HASTY}")
            until(lambda: self.agent.instances(self.web)[1]["ContainerId"] not in before, seen=self.agent.story)
            self.assertEqual([False, False, True], [one in before for one in self.claimed()])
            self.assertEqual(1, self.agent.run("status", self.web).returncode)
            self.agent.command("resume", self.web)
            self.agent.command("wait", self.web)
            until(lambda: len(self.agent.containers()) == 3)
            self.assertTrue(set(before).isdisjoint(self.agent.ids(self.web)))
            before = self.agent.ids(self.web)
            self.pause("echo giving up; exit 3")
            self.agent.command("rollback", self.web)
            self.agent.command("wait", self.web)
            until(lambda: len(self.agent.containers()) == 3)
            self.assertEqual(before, self.agent.ids(self.web))
            self.assert_nothing_lost(client)

    def pause(self, program: str) -> None:
        """Store a change that fails, and wait until it is paused."""
        self.store(program, instances=3, OnFailure="pause")
        waited = self.agent.run("wait", self.web, "-timeout", "80")
        self.assertEqual(1, waited.returncode, waited)
        for words in ("the rollout is paused", "exit status 3", "giving up"):
            self.assertIn(words, waited.stdout + waited.stderr)

    def claimed(self) -> list[str]:
        """The containers to which the claims lead, by instance."""
        return [one["ContainerId"] for one in self.agent.instances(self.web)]

    def revisions(self) -> list[dict[str, Any]]:
        """The history of the service, oldest first."""
        return list(json.loads(self.agent.command("history", self.web, "-o", "json")))

    def assert_says(self, done: subprocess.CompletedProcess[str], one: Failing) -> None:
        """The output names the reason, and what the container logged last."""
        self.assertIn("the rollout was reverted", done.stderr)
        self.assertIn(one.reason, done.stderr)
        self.assertIn(one.said, done.stdout + done.stderr)

    def assert_told(self, number: int, one: Failing) -> None:
        """So does the newest event of all those about reverts, of which there are so many."""
        events: list[dict[str, Any]] = []

        def told() -> bool:
            found = json.loads(self.agent.command("events", "-o", "json"))
            events[:] = [each for each in found if "the rollout was reverted" in each["Text"]]
            return len(events) >= number

        until(told)
        self.assertEqual(number, len(events), events)
        newest = max(events, key=lambda each: str(each["Time"]))
        self.assertIn(one.reason, newest["Text"])
        self.assertEqual([one.said] if one.said else [], newest.get("Lines", [])[-1:])

    def assert_nothing_lost(self, client: StrictClient) -> None:
        taken = client.take()
        self.assertEqual(({}, True), (taken.lost, taken.sent > 0))
