"""A real etcd that answers and refuses: its database is full, or its authentication gives the client no right."""

from __future__ import annotations

import contextlib
import json

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase, TestCase

from daprdockr.etcd.maintenance import EtcdMaintenance
from daprdockr.etcd.store import EtcdStore
from daprdockr.model.errors import EtcdForbidden, EtcdReadOnly
from daprdockr.model.stored.entries import trial
from daprdockr.model.stored.keys import Keys
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.etcd_members import EtcdMembers, missing

HEALED = 150.0
"""The limit in seconds until etcd takes writes again, on a slow machine too."""


def fill(store: EtcdStore, keys: int = 100) -> None:
    """Write to so many keys until etcd's database is full, which etcd finds out ten times a second."""
    with contextlib.suppress(EtcdReadOnly):
        for number in range(10_000):
            store.put(f"/junk/{number % keys}", bytes(100_000))


def is_writable(store: EtcdStore) -> bool:
    try:
        store.commit(*trial("/x"))
    except EtcdReadOnly:
        return False
    return True


def run_one(agent: AgentProcess, store: EtcdStore) -> tuple[frozenset[str], int]:
    """Have the agent run a container, and return that with the node's lease."""
    service = f"web.{agent.group}"
    agent.command("-svc", service, "-set", "-image", sample_image(), "-instances", "1")
    agent.command("wait", service, "-timeout", "60")
    return running(agent, store)


def running(agent: AgentProcess, store: EtcdStore) -> tuple[frozenset[str], int]:
    """The containers that the agent runs, and the lease of its node."""
    entry = store.get(Keys(f"/{agent.group}").node(agent.node))
    assert entry is not None
    return frozenset(agent.ids(f"web.{agent.group}")), entry.lease


class FullTests(TestCase):
    """An etcd whose database has reached its quota, for a person to see."""

    timeout = 300
    skip = missing()

    def begin(self, count: int) -> tuple[EtcdMembers, EtcdStore, AgentProcess]:
        """Start so many members with little room, and an agent."""
        members = EtcdMembers(count, flags=("--quota-backend-bytes=4194304",))
        self.enterContext(members)
        store = EtcdStore(members.access, timeout=5)
        self.addCleanup(store.close)
        agent = AgentProcess(members.urls, engine_url())
        self.addCleanup(agent.close)
        agent.start(ttl=6)  # the lease is to be the same at the end, on a busy machine too
        return members, store, agent

    def test_agent(self) -> None:
        """
        ``/healthz``, ``status``, ``nodes`` and the log say that etcd is full of keys, and what helps; when they are
        deleted the agent does the rest. Its container runs throughout, under the same lease.
        """
        members, store, agent = self.begin(1)
        until(lambda: json.loads(agent.command("nodes", "-o", "json"))[0]["Ready"])
        self.assertEqual(agent.run("status").returncode, 0)
        before = run_one(agent, store)
        fill(store)
        until(lambda: "NOSPACE" in agent.curl("", f"http://127.0.0.1:{agent.api_port}/healthz"))
        done = agent.run("status")
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1))
        self.assertIn("etcdctl alarm disarm", done.stderr)
        self.assertIn("NOSPACE", agent.run("nodes").stdout)
        # Other parts may report it too, if one of their writes, such as a mark, comes due meanwhile.
        self.assertEqual(agent.log.count("this node cannot write: "), 1, agent.log)
        until(lambda: "full of keys that are in use: delete some" in agent.log)

        members.etcdctl("del", "--prefix", "/junk/")
        until(agent.is_well, HEALED)
        self.assertEqual(agent.run("status").returncode, 0)
        self.assertEqual(running(agent, store), before)
        self.assertEqual(agent.log.count("full of keys that are in use"), 1, agent.log)

    def test_history(self) -> None:
        """Three members that are full of history take writes again by themselves, and no container is stopped."""
        members, store, agent = self.begin(3)
        before = run_one(agent, store)
        fill(store, keys=1)
        self.assertRaises(EtcdReadOnly, store.put, "/junk/0", b"")
        until(lambda: is_writable(store), HEALED, lambda: agent.log[-3000:])
        told = json.loads(members.etcdctl("endpoint", "status", "--write-out=json"))
        self.assertLess(max(one["Status"]["dbSize"] for one in told), 1_000_000)
        self.assertEqual(members.etcdctl("alarm", "list"), "")
        until(agent.is_well)
        self.assertEqual(running(agent, store), before)


class RootTests(SynchronousTestCase):
    """Requests that etcd grants its root alone."""

    skip = missing()

    def test_defragment(self) -> None:
        """A client with another role is refused, in a line that names root."""
        members = EtcdMembers(1, password="secret")
        self.enterContext(members)
        members.etcdctl("user", "add", "part:part")
        etcd = EtcdMaintenance(evolve(members.access, user="part", password="part"))
        (member,) = etcd.look().voters
        refused = self.assertRaises(EtcdForbidden, etcd.defragment, member)
        self.assertEqual(str(refused), "etcd refuses user part (permission denied): this takes its user root")


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
        before = store.refusals
        self.assertRaises(EtcdReadOnly, store.commit, *trial("/d/nodes/a"))
        self.assertRaises(EtcdReadOnly, store.grant, 10)
        self.assertEqual(store.refusals - before, 2)

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
