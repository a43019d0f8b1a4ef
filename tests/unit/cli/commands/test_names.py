"""``names``: services, instances and nodes by name, for the completion of command lines."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.node import NodeRecord
from tests.build.values import KEYS, named
from tests.fakes.command_line import LentStore, command_line


class NamesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = LentStore()
        for number in (2, 1):
            self.store.put(KEYS.node(f"n{number}"), NodeRecord().encode(), self.store.lease)
        for wanted in (web := named("web", 2), named("db")):
            self.store.put(KEYS.service(wanted.name), wanted.encode())
        self.store.put(KEYS.claim(InstanceName(web.name, 10)), ClaimRecord("n1").encode(), self.store.lease)

    def test_each_kind(self) -> None:
        """They come in order, one on a line, those of one kind behind those of the other."""
        self.assertEqual(command_line(self.store, "names", "nodes").stdout, "n1\nn2\n")
        found = command_line(self.store, "names", "instances", "services").stdout.split()
        instances = ["1.db.myapp", "1.web.myapp", "2.web.myapp", "10.web.myapp"]
        self.assertEqual(found, [*instances, "db.myapp", "web.myapp"])

    def test_bad_input(self) -> None:
        """No kind, or an unknown one, is one line that says which there are."""
        for words in ((), ("groups",), ("nodes", "pods")):
            done = command_line(self.store, "names", *words)
            self.assertEqual((done.status, done.stdout), (2, ""))
            self.assertIn("services, instances, nodes", done.stderr)
