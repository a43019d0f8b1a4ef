"""``join``: this host becomes a part of a cluster."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.agent_unit import AgentUnit
from daprdockr.cli.commands.join import join_cluster
from daprdockr.cli.founding import InCluster
from daprdockr.cli.joining import JoiningHost
from daprdockr.cli.outcome import TimedOut
from daprdockr.cli.own_agent import OwnAgent
from daprdockr.cli.request import Request
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput
from daprdockr.model.joining import JoinAnswer, JoinToken
from daprdockr.model.stored.node import NodeRecord
from daprdockr.picture.events import event_table
from daprdockr.process.machine import this_machine
from tests.build.values import KEYS
from tests.fakes.command_line import LentStore, command_line, host_with_etcd

TOKEN = JoinToken("10.0.0.1:5081", "ab" * 32, "cd" * 32)
MEMBER = JoinAnswer("ca", "agent", "key", ("https://10.0.0.1:2379",), "member", ("a=x", "b=y"), "ca key")


class JoinTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = LentStore()
        self.said: list[str] = []
        self.files = ClusterFiles(Path(self.mktemp()).absolute())
        self.environment = host_with_etcd(Path(self.mktemp()).absolute(), "127.0.0.2")

    def join(self, answer: JoinAnswer = MEMBER, starts: bool = True, machine: str = "") -> None:
        clock = Clock()

        def pause(seconds: float) -> None:
            clock.advance(seconds)
            if starts:
                self.store.put(KEYS.node("b"), NodeRecord(("10.0.0.2",), machine=machine).encode(), self.store.lease)

        host = JoiningHost(self.files, "b", "10.0.0.2", lambda token, asked: answer, self.said.append)
        unit = AgentUnit(self.files.state, self.said.append)
        request = Request("join", words=(str(TOKEN),), timeout=5)
        join_cluster(host, OwnAgent(request, unit, lambda access: self.store, clock.seconds, pause))
        self.assertEqual(self.store.lent, -1)

    def test_member(self) -> None:
        """It ends when the agent reports, and says what the host is."""
        self.join()
        self.assertIn("b is in the cluster: its member of etcd votes when", self.said[-1])
        (event,) = event_table(KEYS, self.store.list(KEYS.events).entries, 0.0).rows
        self.assertEqual((event["Subject"], event["Text"]), ("b", "has joined the cluster"))

    def test_client(self) -> None:
        """A client is said to be one."""
        self.join(evolve(MEMBER, initial=()))
        self.assertEqual(self.said[-1], "b is in the cluster, as a client of etcd")

    def test_twice(self) -> None:
        """A host that is in the cluster is refused in one line; one whose agent did not start goes on."""
        self.assertRaises(TimedOut, self.join, starts=False)
        self.store.lent = 0
        self.join()
        self.store.lent = 0
        self.assertIn("of a cluster already", str(self.assertRaises(InCluster, self.join)))

    def test_name_of_another(self) -> None:
        """A host whose name another one took, which joined at the same time, is not said to be in the cluster."""
        self.assertRaises(TimedOut, self.join, machine="5f")
        self.store.lent = 0
        self.join(machine=this_machine())

    def test_not_root(self) -> None:
        """Files that cannot be read are named."""
        self.join()
        self.files.endpoints.unlink()
        self.files.endpoints.mkdir()
        self.assertIn("as root", str(self.assertRaises(BadInput, self.join)))

    def test_stdin(self) -> None:
        """A token may come by stdin, so that no list of processes shows it."""
        words = ("join", "-", "-state-dir", self.mktemp())
        done = command_line(self.store, *words, stdin=b"djx\n", environment=self.environment)
        self.assertEqual((done.status, "not whole" in done.stderr), (1, True))
        done = command_line(self.store, *words, environment=self.environment)
        self.assertIn("not whole", done.stderr)
        token = str(JoinToken("127.0.0.1:1", "ab" * 32, "cd" * 32)).encode()
        done = command_line(self.store, *words, stdin=token + b"\n", environment=self.environment)
        self.assertIn("asking 127.0.0.1:1 to admit", done.stdout)

    def test_file(self) -> None:
        """A token may come from a file, and the whole line too; a file that has none, or is absent, is named."""
        token, path = JoinToken("127.0.0.1:1", "ab" * 32, "cd" * 32), Path(self.mktemp())
        words = ("join", "-token-file", str(path), "-state-dir", self.mktemp())
        for line in (f"{token}\n", f"daprdockrcmd join {token}\nmore"):
            path.write_text(line)
            done = command_line(self.store, *words, environment=self.environment)
            self.assertIn("asking 127.0.0.1:1 to admit", done.stdout)
        path.write_text("")
        done = command_line(self.store, *words, environment=self.environment)
        self.assertEqual((done.status, "not whole" in done.stderr), (1, True))
        path.unlink()
        done = command_line(self.store, *words, environment=self.environment)
        self.assertIn(f"-token-file {path} cannot be read: No such file", done.stderr)

    def test_usage(self) -> None:
        """It takes one token, which is checked before anything is done."""
        for words in ((), ("a", "b"), ("a", "-token-file", "b")):
            self.assertEqual(command_line(self.store, "join", *words).status, 2)
        state = self.mktemp()
        done = command_line(self.store, "join", "djx", "-state-dir", state, environment=self.environment)
        self.assertEqual((done.status, "copy the line" in done.stderr, Path(state).exists()), (1, True, False))

    def test_without_member(self) -> None:
        """
        A host without etcd, or without the address (it is a router's), changes nothing in the cluster, nor here. One
        that is in a cluster goes on.
        """
        foreign = {**self.environment, "HOST_IP": "192.0.2.1"}
        without = {**self.environment, "PATH": "/"}
        token = str(JoinToken("127.0.0.1:1", "ab" * 32, "cd" * 32))
        for words in (("init",), ("join", token)):
            line = (*words, "-state-dir", str(self.files.state))
            for environment, said in ((without, "package etcd-server"), (foreign, "no interface of this host has the")):
                done = command_line(self.store, *line, environment=environment)
                self.assertEqual((done.status, done.stdout, said in done.stderr), (1, "", True))
            self.assertFalse(self.files.state.exists())
        self.join(evolve(MEMBER, initial=()))
        done = command_line(self.store, "init", "-state-dir", str(self.files.state), environment=foreign)
        self.assertIn("of a cluster already", done.stderr)

    def test_without_etcd(self) -> None:
        """A host without the program etcd is refused with the other way, by which it asks to be a client."""
        without = {**self.environment, "PATH": "/"}
        words = ("join", str(JoinToken("127.0.0.1:1", "ab" * 32, "cd" * 32)), "-state-dir", str(self.files.state))
        done = command_line(self.store, *words, environment=without)
        self.assertIn("package etcd-server, and run the same again, or join with -client", done.stderr)
        done = command_line(self.store, *words, "-client", environment=without)
        self.assertIn("asking 127.0.0.1:1 to admit", done.stdout)
        done = command_line(self.store, "init", "-client", environment=without)
        self.assertIn("-client", done.stderr)
