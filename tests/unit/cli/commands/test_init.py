"""``init`` and ``invite``: the first host, and the line for others."""

from __future__ import annotations

import datetime
import fcntl
import io
import os
from functools import partial
from pathlib import Path

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.arguments.access import ETCD_PARAMETERS
from daprdockr.arguments.address import usual_node
from daprdockr.cli.agent_unit import AgentUnit
from daprdockr.cli.commands.init import address_of_host, found_cluster
from daprdockr.cli.console import Console
from daprdockr.cli.founding import FirstHost
from daprdockr.cli.other_cluster import warn_of_other_cluster
from daprdockr.cli.outcome import TimedOut
from daprdockr.cli.own_agent import OwnAgent
from daprdockr.cli.request import Request
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import HostPart
from daprdockr.model.joining import JoinToken
from daprdockr.model.session import token_digest
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.token import TokenRecord
from daprdockr.process.held import LOCK
from tests.build.values import KEYS
from tests.fakes.command_line import LentStore, command_line, host_with_etcd

RECORD = NodeRecord(("10.0.0.1",), peer="10.0.0.1:5081", fingerprint="ab" * 32)


class InitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = LentStore()
        self.clock = Clock()
        self.said: list[str] = []
        state = Path(self.mktemp()).absolute()
        self.files = ClusterFiles(state)
        self.programs = Path(self.mktemp()).absolute()
        now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        host = FirstHost(self.files, "a", "10.0.0.1", lambda: now, self.said.append)
        unit = AgentUnit(state, self.said.append)
        request = Request("init", timeout=5)
        agent = OwnAgent(request, unit, lambda access: self.store, self.clock.seconds, self.pause)
        self.run_it = partial(found_cluster, host, agent)
        self.starts_after = 2.0

    def pause(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.store.unavailable = self.clock.seconds() < self.starts_after / 2
        if self.clock.seconds() >= self.starts_after:
            self.store.put(KEYS.node("a"), RECORD.encode(), self.store.lease)

    def test_line(self) -> None:
        """When the agent reports, the line for others comes last, and etcd has its digest for an hour."""
        self.store.unavailable = True
        self.run_it()
        token = JoinToken.parse(self.said[-1].removeprefix("daprdockrcmd join "))
        self.assertEqual((token.peer, token.fingerprint), (RECORD.peer, RECORD.fingerprint))
        key = KEYS.invitation(token_digest(token.secret))
        entry = self.store.get(key)
        assert entry is not None
        self.assertEqual(TokenRecord.decode(entry.value).node, "a")
        self.store.advance(3601)
        self.assertIsNone(self.store.get(key))

    def test_no_agent(self) -> None:
        """An agent that does not come is waited for as long as asked; the same command goes on later."""
        self.starts_after = 100
        remedy = "after 5 s (etcd did not answer at memory: check that it runs there): start it, and run the same"
        self.assertIn(remedy, str(self.assertRaises(TimedOut, self.run_it)))
        lock = os.open(self.files.state / LOCK, os.O_CREAT)
        self.addCleanup(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.starts_after = 12
        self.assertIn("after 5 s: its log says why", str(self.assertRaises(TimedOut, self.run_it)))
        self.starts_after = 0
        self.run_it()
        self.assertTrue(self.said[-1].startswith("daprdockrcmd join dj"), self.said)

    def test_not_root(self) -> None:
        """Files that cannot be read are named."""
        self.run_it()
        self.files.endpoints.unlink()
        self.files.endpoints.mkdir()
        self.assertIn("as root", str(self.assertRaises(BadInput, self.run_it)))

    def test_private_data(self) -> None:
        """A host with the data of a private etcd is refused in one line, and nothing is made."""
        (self.files.state / "etcd" / "data" / "member").mkdir(parents=True)
        words = ("init", "-state-dir", str(self.files.state))
        done = command_line(self.store, *words, environment=host_with_etcd(self.programs, "127.0.0.1"))
        self.assertEqual((done.status, done.stdout, done.stderr.count("\n")), (1, "", 1))
        self.assertFalse(self.files.directory.exists())

    def test_again(self) -> None:
        """
        An attempt that goes on has the name and address of the former one, and needs neither HOST_IP nor a default
        route.
        """
        self.files.write(self.files.host, HostPart("a", "127.0.0.9").encode())
        self.assertEqual(usual_node(self.files.state), "a")
        request = Request("init", state_dir=self.files.state)
        self.assertEqual(address_of_host(request), "127.0.0.9")
        self.assertEqual(address_of_host(evolve(request, host="192.0.2.1,fd00::1")), "192.0.2.1")

    def test_other_cluster(self) -> None:
        """An environment that names another cluster is said in one line, by ``join`` too; the own one is not."""
        (self.files.state / "etcd" / "data" / "member").mkdir(parents=True)
        environment = host_with_etcd(self.programs, "127.0.0.1")
        for named, lines in (("http://10.0.0.9:2379", 1), (ETCD_PARAMETERS[0].default, 0), ("", 0)):
            for words in (("init",), ("join", "-token-file", "/")):
                line = (*words, "-state-dir", str(self.files.state))
                done = command_line(self.store, *line, environment={**environment, "ETCD_HOSTS": str(named)})
                said = "daprdockrcmd: ETCD_HOSTS names another cluster, http://10.0.0.9:2379, which other commands mean"
                self.assertEqual((done.stderr.count(said), done.stderr.count("\n")), (lines, lines + 1), done)

    def test_own_cluster(self) -> None:
        """Run again, it says nothing of an environment that names the cluster of this host."""
        self.run_it()
        access = self.files.access()
        assert access is not None
        stderr = io.StringIO()
        console = Console(io.BytesIO(), io.StringIO(), stderr)
        for named, said in (((*access.endpoints,), False), ((*access.endpoints, "x"), True)):
            environment = {"ETCD_HOSTS": ",".join(map(str, named))}
            warn_of_other_cluster(Request("init", state_dir=self.files.state, environment=environment), console)
            self.assertEqual(bool(stderr.getvalue()), said)

    def test_address(self) -> None:
        """HOST_IP says where others reach this host."""
        self.assertEqual(address_of_host(Request("init", host="10.0.0.7,::1")), "10.0.0.7")
        self.assertRaises(BadInput, address_of_host, Request("init", host="here"))
        self.assertTrue(address_of_host(Request("init", state_dir=self.files.state)))


class InviteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = LentStore()
        self.state = Path(self.mktemp()).absolute()
        self.files = ClusterFiles(self.state)
        self.files.write(self.files.host, HostPart("a", "10.0.0.1", ("a=x",), "5f").encode())

    def invite(self) -> tuple[int, str]:
        done = command_line(self.store, "invite", "-state-dir", str(self.state))
        return done.status, done.stdout + done.stderr

    def test_line(self) -> None:
        """A host with a member prints the line."""
        self.store.put(KEYS.node("a"), RECORD.encode(), self.store.lease)
        status, printed = self.invite()
        self.assertEqual(status, 0)
        self.assertTrue(JoinToken.parse(printed.removeprefix("daprdockrcmd join ")))

    def test_cannot(self) -> None:
        """A host whose agent does not run, takes no sessions, or has no member, cannot."""
        self.assertEqual(self.invite()[0], 3)
        self.store.put(KEYS.node("a"), NodeRecord(("10.0.0.1",)).encode(), self.store.lease)
        self.assertIn("--peer off", self.invite()[1])
        self.files.write(self.files.host, HostPart("a", "10.0.0.1").encode())
        self.assertIn("no member of etcd", self.invite()[1])
