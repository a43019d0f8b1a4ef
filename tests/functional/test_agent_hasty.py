"""A client that writes to etcd as fast as it can does no harm to an agent, on real parts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from daprdockr.etcd.store import EtcdStore
from daprdockr.model.stored.keys import Keys
from tests.rig.agent_case import AgentTestCase
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.etcd_members import EtcdMembers

CHECKOUT = Path(__file__).parents[2]
WRITES = 600

WRITER = """
import json, sys
from daprdockr.etcd.address import Access
from daprdockr.etcd.store import EtcdStore
url, key, name, group, count = sys.argv[1:]
store = EtcdStore(Access.parse(url), 30.0)
for number in range(int(count)):
    env = [f"A{place}={number:0100}" for place in range(1200)]
    definition = {"Name": name, "Group": group, "Instances": 0, "Container": {"Image": "none:1", "Env": env}}
    store.put(key, json.dumps(definition).encode())
    store.put(key + "-broken", b"{" + b" " * 100_000)
"""


class HastyWriterTests(AgentTestCase):
    """Definitions of 130 kB, and broken ones, many a second."""

    def setUp(self) -> None:
        sample_image()
        self.members = EtcdMembers(1).__enter__()
        self.addCleanup(self.members.close)
        self.agent = AgentProcess(self.members.urls, engine_url())
        self.addCleanup(self.agent.close)
        self.web = f"web.{self.agent.group}"
        self.agent.start()
        self.keys = Keys(f"/{self.agent.group}")
        self.store = EtcdStore(self.members.access)
        self.addCleanup(self.store.close)

    def test_nothing_suffers(self) -> None:
        """
        The lease and the claims live on, a container that may not outlive them runs on, memory is bounded, the last
        definition is the one that counts, and of the broken value people hear once.
        """
        self.agent.define(self.web, 1, sample_image(), OnPartition="stop")
        ids, claims, before = self.agent.ids(self.web), self.leases(), self.agent.resident()
        key = f"{self.keys.services}{self.agent.group}/hasty"
        words = [sys.executable, "-c", WRITER, self.members.url(0), key, "hasty", self.agent.group, str(WRITES)]
        seen: list[int] = []
        with subprocess.Popen(words, cwd=CHECKOUT) as writer:

            def has_written() -> bool:
                seen.append(self.agent.resident())
                return writer.poll() is not None

            until(has_written, 200)
        self.assertEqual(writer.returncode, 0)
        self.agent.define(self.web, 2, sample_image(), OnPartition="stop")
        self.assertEqual(self.agent.ids(self.web)[:1], ids)
        self.assertEqual(self.leases()[:1], claims)
        self.assertLess(max(seen) - before, 100_000_000)
        self.assertNotIn("has ended", self.agent.log)
        told = self.agent.command("events")
        self.assertEqual(told.count("hasty-broken"), 1, told)

    def leases(self) -> list[tuple[int, int]]:
        """The create revision and the lease of each claim."""
        entries = self.store.list(f"{self.keys.root}instances/").entries
        return [(entry.create_revision, entry.lease) for entry in entries]
