"""``backup -snapshot`` of a real etcd with authentication, which etcdctl restores."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import closing
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.store import EtcdStore
from tests.rig.agent_process import LIMIT, PROGRAMS
from tests.rig.etcd_members import EtcdMembers, missing

PASSWORD = "correct-horse"
DEFINITION = {"Name": "web", "Group": "myapp", "Instances": 3, "Container": {"Image": "web:1"}}


class SnapshotTests(SynchronousTestCase):
    """Two members, an operator who is not root, and a definition among several MiB."""

    timeout = 240
    skip = missing()

    def setUp(self) -> None:
        self.members = EtcdMembers(2, password=PASSWORD).__enter__()
        self.addCleanup(self.members.close)
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()
        self.saved = self.directory / "etcd.snapshot"
        for user in ("root", "anna"):
            (self.directory / user).write_text(PASSWORD + "\n")
        self.members.etcdctl("user", "add", f"anna:{PASSWORD}")
        self.members.etcdctl("role", "add", "operator")
        self.members.etcdctl("role", "grant-permission", "operator", "--prefix=true", "readwrite", "/daprdockr")
        self.members.etcdctl("user", "grant-role", "anna", "operator")
        with closing(EtcdStore(self.members.access)) as store:
            for number in range(4):
                store.put(f"/other/{number}", os.urandom(1_000_000))

    def command(self, user: str, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        login = ["-etcd-user", user, "-etcd-password-file", str(self.directory / user)]
        return subprocess.run(
            [str(PROGRAMS / "daprdockrcmd"), *words, "-etcd", self.members.urls, *login],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )

    def test_restored(self) -> None:
        """
        An etcd that is restored from the file of root's snapshot has the definition, the users and no more. A user
        whom etcd refuses learns which role it takes, and gets no file.
        """
        self.assertEqual(self.command("anna", "-stdin", stdin=json.dumps(DEFINITION)).returncode, 0)
        done = self.command("anna", "backup", "-snapshot", str(self.saved))
        self.assertEqual((done.returncode, done.stdout, len(done.stderr.splitlines())), (1, "", 1), done.stderr)
        self.assertIn("role root alone", done.stderr)
        self.assertEqual({one.name for one in self.directory.iterdir()}, {"root", "anna"})

        self.members.kill(0)
        self.members.start(0)
        done = self.command("root", "backup", "-snapshot", str(self.saved))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"etcd.snapshot: \d+\.\d MiB from http://127.0.0.1:\d+, at revision \d+ or later")
        later = json.dumps(DEFINITION | {"Name": "later"})
        self.assertEqual(self.command("anna", "-stdin", stdin=later).returncode, 0)

        self.members.restore(self.saved)
        found = json.loads(self.command("anna", "-get").stdout)
        self.assertEqual([(one["Name"], one["Instances"]) for one in found], [("web", 3)])
