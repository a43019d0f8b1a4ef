"""The role that docs/guide/security.rst gives an agent in etcd: enough to run services, but for no wish of a person."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import TestCase

from daprdockr.etcd.store import EtcdStore
from daprdockr.model.errors import EtcdRefused
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.history import RevisionRecord
from daprdockr.model.stored.keys import Keys
from daprdockr.model.wanted.definition import Definition
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.etcd_members import EtcdMembers, missing

GUIDE = Path(__file__).parents[2] / "docs/guide/security.rst"


class RoleTests(TestCase):
    timeout = 300
    skip = missing()

    def test_agent(self) -> None:
        """
        An agent with the role claims, runs, reports, writes events, and reverts a definition that fails; it can neither
        cordon a node nor pause a service nor decide a doubt.
        """
        members = EtcdMembers(1, password="secret")
        self.enterContext(members)
        sample_image()
        agent = AgentProcess(members.urls, engine_url())
        self.addCleanup(agent.close)
        for command in self.commands(agent.group):
            members.etcdctl(*command)
        password = agent.home / "password"
        password.write_text("agents\n")
        agent.options = ("--etcd-user", "agent", "--etcd-password-file", str(password))
        agent.start()

        keys, web = Keys(f"/{agent.group}"), ServiceName(agent.group, "web")
        root = EtcdStore(members.access, timeout=5)
        self.addCleanup(root.close)
        definition = {"Name": "web", "Group": agent.group, "Container": {"Image": sample_image()}}
        definition |= {"Health": {"Type": "none"}}
        given = Definition.read(definition)
        root.put(keys.service(web), given.encode())
        root.put(keys.revision(web, 1), RevisionRecord(given, good=True).encode())
        until(lambda: agent.dig(f"{web}.container") == "127.0.0.1")
        bad = {"Image": sample_image(), "Entrypoint": ["sh", "-c", "exit 3"]}
        root.put(keys.service(web), json.dumps(definition | {"Container": bad}).encode())
        until(lambda: root.get(keys.rollout(web)) is not None)
        self.assertEqual(Definition.parse(root.list(keys.service(web)).entries[0].value), given)
        root.put(keys.service(ServiceName(agent.group, "bad")), b"{")
        until(lambda: bool(root.list(keys.events).entries))

        own = EtcdStore(evolve(members.access, user="agent", password="agents"), timeout=5)
        self.addCleanup(own.close)
        for key in (keys.cordon("a"), keys.pause(web), keys.trust, f"/{agent.group}-other/services/myapp/web"):
            with self.assertRaises(EtcdRefused, msg=key):
                own.put(key, b"")
        self.assertTrue(agent.is_well())
        root.put(keys.service(web), json.dumps(definition | {"Instances": 0}).encode())
        until(lambda: not agent.containers())

    def commands(self, group: str) -> list[list[str]]:
        """Those of the guide, for another prefix, and a password instead of a certificate."""
        found = re.findall(r"^ +etcdctl (.*)$", GUIDE.read_text(), re.MULTILINE)
        self.assertGreater(len(found), 6)
        ours = (
            line.replace("/daprdockr", f"/{group}").replace("agent --no-password", "agent:agents") for line in found
        )
        return [shlex.split(line) for line in ours]
