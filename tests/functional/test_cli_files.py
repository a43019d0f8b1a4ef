"""The real ``daprdockrcmd`` with definitions in files, on a real etcd: from a plan to the reason of a fault."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.store import EtcdStore
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.node import NodeRecord
from tests.rig import etcd_members
from tests.rig.agent_process import LIMIT, PROGRAMS

WEB = """\
Name: web
Group: shop
Instances: 2
Container: {Image: "web:1", Memory: 2147483648}
After: [db]
---
- Name: db
  Group: shop
  Instances: 0
  Container: {Image: "db:1"}
"""


class FilesTests(SynchronousTestCase):
    """A directory of files, and a prefix in etcd, for each test."""

    skip = etcd_members.missing()

    def setUp(self) -> None:
        self.environment = {**os.environ, "ETCD_HOSTS": etcd_members.shared().urls}
        self.prefix = f"/{uuid.uuid4()}"
        self.store = EtcdStore(etcd_members.shared().access)
        self.addCleanup(self.store.close)
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        (self.directory / "shop.yaml").write_text(WEB)

    def command(self, line: str, status: int = 0, given: str = "") -> str:
        words = [str(PROGRAMS / "daprdockrcmd"), *line.split(), "-prefix", self.prefix]
        done = subprocess.run(
            words, env=self.environment, input=given, capture_output=True, text=True, timeout=LIMIT, check=False
        )
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout + done.stderr

    def test_from_plan_to_reason(self) -> None:
        """A plan is applied, in order and no more than once, and each node says why it runs no instance."""
        lease = self.store.grant(600)
        self.addCleanup(self.store.revoke, lease.id)
        for name, memory in (("n1", 1 << 30), ("n2", 0)):
            record = NodeRecord(memory=memory, labels={"zone": name})
            self.store.put(Keys(self.prefix).node(name), record.encode(), lease.id)
        plan = json.loads(self.command(f"plan -f {self.directory} -o json"))
        self.assertEqual([one["Service"] for one in plan["Services"]], ["db.shop", "web.shop"])
        self.assertEqual(self.command("-get"), "[]\n")
        self.assertIn("create web.shop", self.command(f"apply -f {self.directory} -check {plan['Check']}"))
        self.assertEqual(self.command(f"apply -f {self.directory}"), "0 applied, 2 as given already\n")
        self.assertEqual(self.command(f"diff -f {self.directory}"), "")
        shown = self.command("why web.shop")
        self.assertIn("n1     an instance needs 2048 MiB of memory, 1024 MiB are left", shown)
        self.assertIn("n2     can take one", shown)
        self.command("cordon n2")
        self.assertIn("n2     it is cordoned", self.command("why 2.web.shop"))
        saved = self.command("backup")
        (self.directory / "shop.yaml").write_text(WEB.partition("---\n")[2])
        self.assertIn("delete web.shop", self.command(f"plan -f {self.directory} -prune shop"))
        self.command(f"apply -f {self.directory} -check {plan['Check']}", 1)
        self.command(f"apply -f {self.directory} -prune shop")
        self.assertEqual([one["Name"] for one in json.loads(self.command("-get"))], ["db"])
        self.assertIn("1 created, 0 overwritten, 2 as in the backup already", self.command("restore", given=saved))
        self.assertEqual([one["Name"] for one in json.loads(self.command("-get"))], ["db", "web"])
