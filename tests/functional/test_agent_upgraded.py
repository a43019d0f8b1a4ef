"""An agent takes over what one of version 0.1.0 left behind, with its state directory, its etcd and its nginx."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

from docker import APIClient

from daprdockr.etcd.store import EtcdStore
from tests.rig.agent_case import AgentTestCase
from tests.rig.docker_engine import until
from tests.rig.etcd_members import shared
from tests.rig.first_release import FirstRelease


class UpgradedTests(AgentTestCase):
    """The next agent on a host of the first release."""

    started = False

    def setUp(self) -> None:
        super().setUp()
        store = EtcdStore(shared().access)
        self.addCleanup(store.close)
        self.left = FirstRelease(self.agent, store)
        self.addCleanup(self.remove_volume)
        self.left.leave()
        self.served = {f"{number}.{self.web} 1" for number in (1, 2)}
        until(lambda: self.agent.served_by("demo.test", times=4) == self.served)

    def remove_volume(self) -> None:
        self.agent.close()
        with closing(APIClient(base_url=self.agent.engine, version="auto")) as client:
            client.remove_volume("daprdockr-test-kept")

    def runs(self) -> dict[str, Any]:
        """The start of each container, by its id."""
        with closing(APIClient(base_url=self.agent.engine, version="auto")) as client:
            found = [client.inspect_container(each["Id"]) for each in self.agent.containers()]
        return {each["Id"]: each["State"]["StartedAt"] for each in found if each["State"]["Running"]}

    def test_upgraded(self) -> None:
        """
        No container is started anew, no request is lost while nginx changes its configuration, names are answered, and
        definitions are as they were. They can be changed, and the former one be brought back.
        """
        before = self.runs()
        self.assertEqual(len(before), 4)
        with self.agent.asked_all_the_time("demo.test") as answers:
            self.agent.start()
            self.agent.command("wait", "-timeout", "60")
            until(lambda: "nginx serves" in self.agent.log)
            self.assertEqual(self.agent.served_by("demo.test"), self.served)
        self.assertEqual((answers, self.runs()), (self.served, before))
        self.assertEqual(self.agent.dig(f"{self.web}.container"), "127.0.0.1")
        self.assertEqual(len(self.agent.dig(f"8080.tcp.{self.web}.container", "SRV").splitlines()), 2)
        found = {each["Name"]: each for each in json.loads(self.agent.command("-get"))}
        self.assertEqual(found, self.left.definitions())
        self.assertIn("no revision yet", self.agent.command("history", self.web))

        with self.agent.asked_all_the_time("demo.test") as answers:
            changed = {**found["web"], "Container": {**found["web"]["Container"], "Env": ["A=2"]}}
            self.agent.command("-stdin", stdin=json.dumps(changed))
            self.agent.command("wait", self.web, "-timeout", "60")
            self.agent.command("rollback", self.web)
            self.agent.command("wait", self.web, "-timeout", "60")
        self.assertEqual(answers, self.served)
        self.assertEqual(json.loads(self.agent.command("-get", "-svc", self.web)), found["web"])
        self.assertEqual(len(set(before) & set(self.runs())), 2)
