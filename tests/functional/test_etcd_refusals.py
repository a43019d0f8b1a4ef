"""A real etcd that answers and refuses: its database is full, or its authentication gives the client no right."""

from __future__ import annotations

import contextlib
import json

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase, TestCase

from daprdockr.etcd.store import EtcdStore
from daprdockr.model.errors import EtcdForbidden, EtcdReadOnly
from daprdockr.model.stored.entries import trial
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, until
from tests.rig.etcd_members import EtcdMembers, missing


def fill(store: EtcdStore) -> None:
    """Write until etcd's database is full."""
    with contextlib.suppress(EtcdReadOnly):
        for number in range(100):
            store.put(f"/junk/{number}", bytes(100_000))


class FullTests(TestCase):
    """An etcd whose database has reached its quota, for a person to see."""

    timeout = 120
    skip = missing()

    def test_agent(self) -> None:
        """``/healthz``, ``status``, ``nodes`` and the log say that etcd is full, and all is well after the remedy."""
        members = EtcdMembers(1, flags=("--quota-backend-bytes=4194304",))
        self.enterContext(members)
        store = EtcdStore(members.access, timeout=5)
        self.addCleanup(store.close)
        agent = AgentProcess(members.urls, engine_url())
        self.addCleanup(agent.close)
        agent.start()
        until(lambda: json.loads(agent.command("nodes", "-o", "json"))[0]["Ready"])
        self.assertEqual(agent.run("status").returncode, 0)
        fill(store)
        until(lambda: "NOSPACE" in agent.curl("", f"http://127.0.0.1:{agent.api_port}/healthz"))
        done = agent.run("status")
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1))
        self.assertIn("etcdctl alarm disarm", done.stderr)
        self.assertIn("NOSPACE", agent.run("nodes").stdout)
        self.assertEqual(agent.log.count("NOSPACE"), 1, agent.log)

        members.etcdctl("del", "--prefix", "/junk/")
        members.etcdctl("compact", str(store.list("/").revision))
        members.etcdctl("defrag")
        members.etcdctl("alarm", "disarm")
        until(agent.is_well)
        self.assertEqual(agent.run("status").returncode, 0)


class TrialTests(SynchronousTestCase):
    """``trial`` is refused exactly when a write would be, and changes nothing."""

    skip = missing()

    def test_full(self) -> None:
        """By a full database, although its condition never holds."""
        members = EtcdMembers(1, flags=("--quota-backend-bytes=2097152",))
        self.enterContext(members)
        store = EtcdStore(members.access, timeout=5)
        self.addCleanup(store.close)
        before = store.put("/d/x", b"")
        self.assertEqual(store.commit(*trial("/d/nodes/a", "/d/instances/a")).revision, before)
        fill(store)
        self.assertRaises(EtcdReadOnly, store.commit, *trial("/d/nodes/a"))
        self.assertRaises(EtcdReadOnly, store.grant, 10)

    def test_rights(self) -> None:
        """By authentication: no name, a wrong password, a role that lacks one of the places."""
        members = EtcdMembers(1, password="secret")
        self.enterContext(members)
        for command in (
            "role add part",
            "role grant-permission part --prefix=true readwrite /d/nodes/",
            "user add part:part",
            "user grant-role part part",
        ):
            members.etcdctl(*command.split())

        def asked(user: str, password: str, *keys: str) -> str:
            store = EtcdStore(evolve(members.access, user=user, password=password), timeout=5)
            try:
                store.commit(*trial(*keys))
            except EtcdForbidden as error:
                return str(error)
            finally:
                store.close()
            return ""

        self.assertEqual(asked("part", "part", "/d/nodes/a"), "")
        self.assertIn("user part (permission denied)", asked("part", "part", "/d/nodes/a", "/d/instances/a"))
        self.assertIn("give --etcd-user", asked("", "", "/d/nodes/a"))
        self.assertIn("check --etcd-user", asked("root", "wrong", "/d/nodes/a"))
        self.assertEqual(asked("root", "secret", "/d/nodes/a"), "")
