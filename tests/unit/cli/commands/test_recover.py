"""``recover``: what it says, what it refuses, and that it can be given again."""

from __future__ import annotations

import io
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.agent_unit import AgentUnit
from daprdockr.cli.commands.recover import own_access, own_knowledge, recover_cluster
from daprdockr.cli.confirmed import NotConfirmed, confirm
from daprdockr.cli.console import Console
from daprdockr.cli.outcome import TimedOut
from daprdockr.cli.own_agent import OwnAgent
from daprdockr.cli.recovering import OwnKnowledge, Recovery
from daprdockr.cli.request import Request
from daprdockr.etcd.address import Access
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput, EtcdError, EtcdRefused, EtcdUnavailable
from daprdockr.model.etcd_member import EtcdMember, HostPart
from daprdockr.model.stored.doubts import DoubtRecord
from daprdockr.model.stored.node import NodeRecord
from tests.build.values import KEYS
from tests.fakes.command_line import LentStore, command_line
from tests.fakes.etcd_members import member

PART = HostPart("c", "10.0.0.3", ("a=x", "c=y"))
ALL = tuple(member(number, name) for number, name in enumerate("abc", 1))
URLS = tuple(one.clients[0] for one in ALL)


class Answered(io.BytesIO):
    def isatty(self) -> bool:
        return True


class FailingUnit(AgentUnit):
    """Systemd cannot start the agent."""

    def start(self) -> None:
        raise BadInput("systemctl enable --now daprdockr.service failed: x")


class RecoverTests(SynchronousTestCase):
    """``c`` is left of three."""

    def setUp(self) -> None:
        self.store = LentStore()
        self.files = ClusterFiles(Path(self.mktemp()).absolute())
        self.files.write(self.files.host, PART.encode())
        for path in (self.files.authority, self.files.agent_certificate, self.files.host_key):
            self.files.write(path, b"pem")
        self.files.write_endpoints(URLS)
        self.data = self.files.state / "etcd/data/member"
        self.data.mkdir(parents=True)
        self.out = io.StringIO()
        self.known: tuple[EtcdMember, ...] = ALL
        self.listening: set[str] = set()
        self.ended = 0
        self.obeys: bool | None = True
        self.unit = AgentUnit
        self.silent = False
        self.doubt: DoubtRecord | None = None

    def ask(self) -> OwnKnowledge:
        if self.silent:
            raise EtcdUnavailable("no answer")
        return OwnKnowledge(self.known, 42)

    def end(self) -> None:
        """Etcd is started again by the agent, if there is one, with what it is asked for."""
        self.ended += 1
        self.silent = False
        if self.obeys is not None and self.files.take_recovery() and self.obeys:
            self.known = ALL[2:]
            self.store.put(KEYS.node("c"), NodeRecord().encode(), self.store.lease)
            if self.doubt is not None:
                self.store.put(f"{KEYS.doubts}c", self.doubt.encode(), self.store.lease)

    def recover(self, yes: bool = True, stdin: io.BytesIO | None = None) -> str:
        console = Console(stdin or io.BytesIO(), self.out, self.out)
        recovery = Recovery(
            files=self.files,
            part=PART,
            ask=self.ask,
            listens=self.listening.__contains__,
            end=self.end,
            say=console.say,
        )
        clock = Clock()
        unit = self.unit(self.files.state, console.say)
        agent = OwnAgent(
            Request("recover", yes=yes, timeout=5), unit, lambda access: self.store, clock.seconds, clock.advance
        )
        recover_cluster(recovery, agent, own_access(self.files, PART), console)
        return self.out.getvalue()

    def test_done(self) -> None:
        """It names what is given up and the revision, ends etcd once, and the host knows the only member."""
        printed = self.recover()
        self.assertIn("a at https://10.0.0.1:2379 is given up", printed)
        self.assertIn("that of c goes on alone from revision 42", printed)
        self.assertIn("start the agent of this host", printed)
        self.assertIn("etcd goes on with c alone", printed)
        self.assertIn("no agent doubts this etcd so far", printed)
        access = self.files.access()
        assert access is not None
        self.assertEqual((self.ended, [str(one) for one in access.endpoints]), (1, ["10.0.0.3:2379"]))
        self.assertIn("the only one", str(self.assertRaises(BadInput, self.recover)))

    def test_silent(self) -> None:
        """A member that has no quorum to begin with does not answer, and is recovered too."""
        self.silent = True
        printed = self.recover()
        self.assertIn("of etcd at https://10.0.0.1:2379 is given up", printed)
        self.assertIn("from the newest revision that it has", printed)

    def test_doubted(self) -> None:
        """An agent that misses what only the lost members had is named, with what to run next."""
        self.doubt = DoubtRecord(7, "this etcd went back from revision 43 to 42")
        printed = self.recover()
        self.assertIn("c is frozen, it doubts this etcd: this etcd went back from revision 43 to 42\n", printed)
        self.assertIn("daprdockrcmd trust-etcd shows what these nodes would stop", printed)
        self.assertNotIn("no agent doubts", printed)

    def test_asked(self) -> None:
        """Nothing is done without a yes: at a terminal it is asked for, elsewhere one line says what to give."""
        self.assertIn("add -yes", str(self.assertRaises(NotConfirmed, self.recover, yes=False)))
        self.assertRaises(NotConfirmed, self.recover, yes=False, stdin=Answered(b"no\n"))
        self.assertEqual((self.ended, self.files.recovery.exists()), (0, False))
        self.recover(yes=False, stdin=Answered(b"yes\n"))
        self.assertEqual(self.ended, 1)

    def test_answered(self) -> None:
        """While another member answers, nothing is given up."""
        self.listening.add(URLS[1])
        self.assertIn(f"at {URLS[1]} answers", str(self.assertRaises(BadInput, self.recover)))
        self.assertEqual(self.ended, 0)

    def test_no_data(self) -> None:
        """A member without its data can go on with nothing: nothing is promised, asked for or ended."""
        self.data.rmdir()
        refused = str(self.assertRaises(BadInput, self.recover))
        self.assertIn("are gone: run this on another host", refused)
        self.assertEqual((self.out.getvalue(), self.ended, self.files.recovery.exists()), ("", 0, False))

    def test_again(self) -> None:
        """Where etcd did not come up alone, or no agent starts it, the same is run again."""
        self.obeys = False
        self.assertIn("run the same again", str(self.assertRaises(TimedOut, self.recover)))
        self.store.put(KEYS.node("c"), NodeRecord().encode(), self.store.lease)
        self.assertIn("run the same again", str(self.assertRaises(EtcdRefused, self.recover)))
        self.obeys = True
        self.recover()

    def test_not_started(self) -> None:
        """Where the agent cannot be started, the request is taken back: a later start goes on with all members."""
        self.obeys = None
        self.unit = FailingUnit
        self.assertIn("systemctl", str(self.assertRaises(BadInput, self.recover)))
        self.assertFalse(self.files.recovery.exists())
        self.assertIn("no member is given up", self.out.getvalue())

    def test_not_awaited(self) -> None:
        """A request that no agent took in time is taken back too; one that stays is named."""
        self.obeys = None
        self.assertRaises(TimedOut, self.recover)
        self.assertFalse(self.files.recovery.exists())

        def spoil() -> None:
            self.files.recovery.unlink()
            self.files.recovery.mkdir()

        self.end = spoil  # type: ignore[method-assign]
        self.assertRaises(TimedOut, self.recover)
        self.assertIn("or the next start of etcd gives the others up", self.out.getvalue())

    def test_not_root(self) -> None:
        """Files that cannot be read are named."""
        self.files.endpoints.unlink()
        self.assertIn("as root", str(self.assertRaises(BadInput, self.recover)))

    def test_command(self) -> None:
        """A host without a member is refused; one that is the only member has nothing to give up."""
        words = ("recover", "-state-dir", str(self.files.state))
        self.files.write_endpoints(URLS[2:])
        self.assertIn("the only one", command_line(self.store, *words).stderr)
        self.files.host.unlink()
        done = command_line(self.store, *words)
        self.assertEqual((done.status, done.stderr.count("\n")), (1, 1))
        self.assertIn("no member of etcd", done.stderr)

    def test_nobody(self) -> None:
        """A member that is down is known by nobody."""
        self.assertRaises(EtcdError, own_knowledge, Access.parse("http://127.0.0.1:1"))

    def test_not_json(self) -> None:
        """For a program nobody is asked."""
        console = Console(Answered(b"yes\n"), self.out, self.out)
        self.assertRaises(NotConfirmed, confirm, Request("x", json=True), console, "?", "add -yes")
