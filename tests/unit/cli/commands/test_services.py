"""``services``: the table of services alone."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.stored.node import NodeRecord
from tests.build.values import KEYS, named
from tests.fakes.command_line import LentStore, command_line


class ServicesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = LentStore()
        for wanted in (named("web", 2), named("db")):
            self.store.put(KEYS.service(wanted.name), wanted.encode())

    def test_rows(self) -> None:
        """They are those of ``status``, of all services or one."""
        self.store.put(KEYS.node("n1"), NodeRecord().encode(), self.store.lease)
        rows = command_line(self.store, "services", "-o", "json").json
        self.assertEqual(rows, command_line(self.store, "status", "-o", "json").json["Services"])
        self.assertEqual(command_line(self.store, "services", "db.myapp", "-o", "json").json, rows[:1])
        lines = command_line(self.store, "services").stdout.splitlines()
        self.assertEqual([line.split()[0] for line in lines], ["SERVICE", "db.myapp", "web.myapp"])

    def test_trouble(self) -> None:
        """A node that can do nothing is no failure of this command; a service that does not exist is."""
        self.store.put(KEYS.node("n1"), NodeRecord(refused="etcd has no room").encode(), self.store.lease)
        self.assertEqual(command_line(self.store, "status").status, 1)
        self.assertEqual(command_line(self.store, "services").status, 0)
        self.assertEqual(command_line(self.store, "services", "no.other").status, 3)

    def test_misspelt(self) -> None:
        """A service with nearly the same name is named."""
        for command in ("services", "status", "ps", "why", "wait"):
            done = command_line(self.store, command, "wbe.myapp")
            self.assertEqual(done.status, 3)
            self.assertIn("wbe.myapp does not exist, did you mean web.myapp?", done.stderr)
