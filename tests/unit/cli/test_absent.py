"""A name that does not exist: the service or the node that may be meant is named with it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.absent import no_such_node
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.stored.entries import Listing, Prefixes
from tests.build.values import KEYS, named
from tests.fakes.command_line import LentStore, command_line

COMMANDS = (
    *("-get -svc {}", "-del -svc {}", "status {}", "services {}", "ps {}", "why {}", "wait {}", "history {}"),
    *("rollback {}", "restart {}", "scale {}=1", "pause {}", "resume {}", "logs {}", "job run {}", "job history {}"),
    *("job logs {} 1", "exec 1.{} -- sh", "forward 0:1.{}:80"),
)


class Silent(LentStore):
    """A store that lists nothing."""

    def list(self, prefixes: Prefixes, revision: int = 0) -> Listing:
        raise EtcdUnavailable("etcd did not answer")


class MisspeltTests(SynchronousTestCase):
    """Services."""

    def setUp(self) -> None:
        self.store = LentStore()
        for service in ("web", "mail"):
            self.store.put(KEYS.service(named(service).name), named(service).encode())

    def said(self, line: str) -> str:
        done = command_line(self.store, *line.split())
        self.assertEqual((done.status, done.stderr.count("\n"), self.store.lent), (3, 1, 0), line)
        return done.stderr

    def test_each_command(self) -> None:
        """Every command that takes a service says which is meant."""
        for line in COMMANDS:
            self.assertRegex(self.said(line.format("wbe.myapp")), "wbe.myapp .*, did you mean web.myapp[?]", line)

    def test_group(self) -> None:
        """The group may be the part that is misspelt."""
        self.assertIn("did you mean mail.myapp?", self.said("restart mail.myap"))

    def test_other_name(self) -> None:
        """That the group is the same does not make another service the one that is meant."""
        said = "daprdockrcmd: dns.myapp does not exist: daprdockrcmd status lists all\n"
        self.assertEqual(self.said("restart dns.myapp"), said)

    def test_strange_key(self) -> None:
        """A key that names no service keeps the hint from nobody."""
        self.store.put(KEYS.services + "My App/x/y", b"")
        self.assertIn("did you mean web.myapp?", self.said("restart webb.myapp"))

    def test_no_list(self) -> None:
        """Where etcd does not list the services any more, the answer goes without the hint."""
        self.store = Silent()
        self.assertIn("web.myapp does not exist: daprdockrcmd status", self.said("restart web.myapp"))


class NodeTests(SynchronousTestCase):
    """Nodes."""

    def test_likely(self) -> None:
        """The one that is spelled most like it is named."""
        error = no_such_node("noed1", ["node2", "node1", "db"])
        self.assertEqual(str(error), "node noed1 does not exist, did you mean node1? daprdockrcmd nodes lists all")

    def test_unlike(self) -> None:
        """No other is named, where none is like it or there is none."""
        for known in (["node1"], []):
            self.assertEqual(str(no_such_node("x", known)), "node x does not exist: daprdockrcmd nodes lists all")
