"""A host that leaves: what is refused, the order of the steps, and how an interrupted attempt goes on."""

from __future__ import annotations

import fcntl
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

from attrs import evolve
from twisted.internet.task import Clock

from daprdockr.cli.agent_unit import AgentUnit
from daprdockr.cli.console import Console
from daprdockr.cli.leaving import FOLLOWED, Leaving, clear, for_node
from daprdockr.cli.outcome import TimedOut
from daprdockr.cli.request import Request
from daprdockr.etcd.cluster_files import LEFT, ClusterFiles
from daprdockr.etcd.member_change import MemberChanges
from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import EtcdMember, HostPart
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.node import NodeRecord
from daprdockr.picture.events import event_table
from daprdockr.process.held import LOCK
from daprdockr.process.own_memory import secrets_folder, tls_folder
from tests.build.command_line import DrainCase
from tests.build.values import KEYS, named
from tests.fakes.command_line import command_line
from tests.fakes.etcd_members import MemoryMembers, member

PART = HostPart("n1", "10.0.0.1", ("n1=x",), "5f")


class LeavingTests(DrainCase):
    """``n1`` leaves, with the member 1 of three."""

    def setUp(self) -> None:
        super().setUp()
        self.files = ClusterFiles(Path(self.mktemp()).absolute())
        self.files.write(self.files.host, PART.encode())
        files = self.files
        for path in (files.authority, files.authority_key, files.agent_certificate, files.host_key):
            self.files.write(path, b"pem")
        self.files.write_endpoints(("https://10.0.0.2:2379",))
        for name in ("cluster.key", "lease.json", LOCK):
            (self.files.state / name).write_text("x")
        for name in ("etcd/data", "nginx", "lost+found"):
            (self.files.state / name).mkdir(parents=True)
        self.members = MemoryMembers([member(number, f"n{number}") for number in (1, 2, 3)])
        self.up = {1, 2, 3}
        self.memory = Path(self.mktemp()).absolute()
        self.here: list[list[str]] = [["1.web.myapp"], []]
        self.ended: list[str] = []
        self.ending: Callable[[Path], bool] = self.end
        self.out = io.StringIO()
        self.clock = Clock()

    def leave(self) -> str:
        console = Console(io.BytesIO(), self.out, self.out)
        leaving = Leaving(
            request=for_node(Request("leave", timeout=5, state_dir=self.files.state), PART, self.files),
            console=console,
            part=PART,
            unit=AgentUnit(self.files.state, console.say),
            changes=MemberChanges(self.members, self.is_up, self.clock.seconds, self.clock.advance),
            containers=lambda: self.here.pop(0) if self.here else None,
            clear=partial(clear, self.files, PART, self.ending, console.say, (self.memory,)),
        )
        leaving.make_ready(self.store)
        access = self.files.access()
        assert access is not None
        self.asked = list(map(str, access.endpoints))
        leaving.go(self.store)
        return self.out.getvalue()

    def is_up(self, one: EtcdMember) -> bool:
        return one.id in self.up

    def end(self, path: Path) -> bool:
        self.ended.append(path.parent.name)
        return path.parent.name == "etcd"

    def test_left(self) -> None:
        """At the end neither etcd nor the host has anything of it, and directories of others stay."""
        printed = self.leave()
        self.assertEqual(self.asked, ["10.0.0.2:2379", "10.0.0.3:2379"])
        self.assertLess(self.clock.seconds(), FOLLOWED)
        self.assertEqual(self.members.asked, ["remove 1"])
        self.assertEqual([self.store.get(key) for key in (KEYS.node("n1"), KEYS.cordon("n1"))], [None, None])
        self.assertEqual(self.ended, ["nginx", "relay", "guard", "etcd"])
        self.assertEqual([path.name for path in self.files.state.iterdir()], ["lost+found"])
        self.assertIn("n1 is cordoned: 0 instances leave it", printed)
        self.assertIn("etcd was ended", printed)
        self.assertIn("n1 has left the cluster", printed)
        (event,) = event_table(KEYS, self.store.list(KEYS.events).entries, 0.0).rows
        self.assertEqual((event["Subject"], event["Text"]), ("n1", "has left the cluster"))

    def test_keys_in_memory(self) -> None:
        """Keys of certificates and files of secrets are not left in memory either; those of another agent stay."""
        own, other = (tls_folder(node, self.files.state) for node in ("n1", "n2"))
        for name in (own, secrets_folder("n1", self.files.state), other):
            (self.memory / name).mkdir(parents=True)
            (self.memory / name / "certificates.json").write_text("key")
        self.leave()
        self.assertEqual([path.name for path in self.memory.iterdir()], [other])

    def test_link_in_memory(self) -> None:
        """A link of another user in place of such a directory is not followed, and keeps no host from leaving."""
        theirs = Path(self.mktemp()).absolute()
        theirs.mkdir()
        self.memory.mkdir()
        (self.memory / tls_folder("n1", self.files.state)).symlink_to(theirs)
        self.assertIn("n1 has left the cluster", self.leave())
        self.assertTrue(theirs.is_dir())

    def test_client(self) -> None:
        """A client has no member to take out."""
        self.members.members = [member(2, "n2")]
        self.files.write(self.files.host, evolve(PART, initial=()).encode())
        self.leave()
        self.assertEqual(self.members.asked, [])

    def test_the_only_vote(self) -> None:
        """
        Where the only member that votes leaves, the other one gets its vote, and agents the time to find out: they know
        no other. From then on it is asked, also by an attempt after this one.
        """
        self.members.members = [member(1, "n1"), member(2, "n2", learner=True)]
        self.files.write_endpoints(("https://10.0.0.1:2379",))
        self.leave()
        self.assertEqual((self.members.asked, self.asked), (["promote 2", "remove 1"], ["10.0.0.2:2379"]))
        self.assertGreaterEqual(self.clock.seconds(), FOLLOWED)

    def test_quorum(self) -> None:
        """Where etcd would have no quorum, nothing is changed."""
        self.up = {1, 2}
        self.assertIn("no quorum", str(self.assertRaises(BadInput, self.leave)))
        self.assertIsNone(self.store.get(KEYS.cordon("n1")))

    def test_stays(self) -> None:
        """Where an instance cannot leave, nothing is changed; that data is left behind is said where there is any."""
        self.define(named("db", Placement={"Constraints": ["disk == ssd"]}))
        refusal = str(self.assertRaises(BadInput, self.leave))
        self.assertTrue(refusal.endswith("(no other node meets its constraints): scale down or delete first"), refusal)
        self.define(named("db", Container={"Volumes": ["data:/data"]}))
        refusal = str(self.assertRaises(BadInput, self.leave))
        self.assertIn("1 instance cannot leave n1, such as 1.db.myapp (it keeps", refusal)
        self.assertIn("move data along before (docs/guide/volumes.rst)", refusal)
        self.define(named("dc", Container={"Volumes": ["data:/data"]}))
        self.assertIn("2 instances", str(self.assertRaises(BadInput, self.leave)))
        self.assertIsNone(self.store.get(KEYS.cordon("n1")))

    def test_unreadable(self) -> None:
        """An instance whose definition cannot be used is named like others that cannot leave."""
        self.define(named("web"))
        self.store.put(KEYS.service(named("web").name), b"{")
        refusal = str(self.assertRaises(BadInput, self.leave))
        self.assertIn("1 instance cannot leave n1, such as 1.web.myapp (its definition is not usable", refusal)
        self.assertTrue(refusal.endswith("scale down or delete first"), refusal)

    def test_still_running(self) -> None:
        """Containers that run on keep everything as it is; the same goes on later."""
        self.here = []
        self.assertIn("containers still run", str(self.assertRaises(TimedOut, self.leave)))
        self.assertEqual((self.members.asked, self.files.leaving.exists()), ([], False))
        self.here = [[]]
        self.leave()

    def test_no_agent(self) -> None:
        """Without its agent nothing can move, unless it has moved before."""
        self.store.commit([], [Delete(KEYS.node("n1"))])
        self.assertIn("does not report", str(self.assertRaises(BadInput, self.leave)))
        self.store.put(KEYS.node("n1"), NodeRecord(("10.0.0.1",), machine="5f").encode())  # this host is its clone
        self.assertIn("does not report from this", str(self.assertRaises(BadInput, self.leave)))
        self.assertIsNone(self.store.get(KEYS.cordon("n1")))
        self.store.commit([], [Delete(KEYS.node("n1"))])
        self.files.write(self.files.leaving, b"")
        self.members.members.pop(0)
        self.leave()
        self.assertEqual(self.members.asked, [])

    def test_agent_runs_on(self) -> None:
        """An agent that does not end keeps its member of etcd."""
        with (self.files.state / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertIn("the agent of this host runs still", str(self.assertRaises(TimedOut, self.leave)))
        self.assertIn("end the agent of this host", self.out.getvalue())
        self.assertEqual(self.members.asked, [])

    def test_changed_mind(self) -> None:
        """An attempt that was interrupted long ago lets no host go that has got instances again."""
        self.files.write(self.files.leaving, b"")
        self.here = []
        with (self.files.state / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertIn("containers still run", str(self.assertRaises(TimedOut, self.leave)))
        self.assertEqual(self.members.asked, [])

    def test_unremovable(self) -> None:
        """A file that cannot be removed is named, and the host goes on leaving."""
        self.files.authority_key.unlink()
        (self.files.state / "nginx").rmdir()
        blocked = self.files.state / "nginx"
        blocked.symlink_to(self.files.state / "nowhere")
        self.leave()
        self.assertFalse(blocked.is_symlink())

    def test_interrupted_while_files_go(self) -> None:
        """A host that etcd knows no more goes on without the files that lead to etcd, some of which are gone."""

        def interrupt(path: Path) -> bool:
            self.files.endpoints.unlink()
            raise KeyboardInterrupt

        self.ending = interrupt
        self.assertRaises(KeyboardInterrupt, self.leave)
        done = command_line(self.store, "leave", "-state-dir", str(self.files.state))
        self.assertIn("n1 has left the cluster", done.stdout)
        self.assertEqual([path.name for path in self.files.state.iterdir()], ["lost+found"])

    def test_left_but_runs(self) -> None:
        """Nothing is removed below an agent that was started again in between, though etcd had nothing of it."""
        self.files.write(self.files.leaving, LEFT)
        self.files.endpoints.unlink()
        with (self.files.state / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = command_line(self.store, "leave", "-state-dir", str(self.files.state))
        self.assertEqual((done.status, self.files.part()), (1, PART))

    def test_command(self) -> None:
        """A host that is in no cluster has nothing to do; one whose files cannot be read is refused."""
        done = command_line(self.store, "leave", "-state-dir", str(self.files.state / "other"))
        self.assertEqual((done.status, done.stdout), (0, "this host is in no cluster of init or join\n"))
        self.files.endpoints.unlink()
        done = command_line(self.store, "leave", "-state-dir", str(self.files.state))
        self.assertIn("as root", done.stderr)
