"""Each command that stores a definition says which ports and host names the service will lack."""

from __future__ import annotations

import json

from daprdockr.model.names import ServiceName
from daprdockr.model.stored.entries import Delete
from tests.build.command_line import DefinitionCase
from tests.build.values import API, KEYS, named
from tests.fakes.command_line import second
from tests.fakes.store import MemoryStore

LINE = "daprdockrcmd: late.myapp: port 5432/tcp belongs to db.myapp: choose another port\n"
LATE = named("late", Tcp=[{"Port": 5432, "ContainerPort": 1}])
DB = named("db", Tcp=[{"Port": 5432, "ContainerPort": 1}])


class StoringTests(DefinitionCase):
    """An older service has what is wanted: the definition is stored, and a line on stderr says so."""

    def given_both(self) -> None:
        for one in (DB, LATE):
            self.store.put(KEYS.service(one.name), one.encode())

    def check(self, *words: str, stdin: bytes = b"") -> None:
        done = self.run_line(*words, stdin=stdin)
        self.assertEqual((done.status, done.stderr), (0, LINE))

    def test_stdin(self) -> None:
        """A new definition, and the same again."""
        self.store.put(KEYS.service(DB.name), DB.encode())
        for _ in range(2):
            self.check("-stdin", stdin=json.dumps(LATE.write()).encode())

    def test_broken(self) -> None:
        """One that replaces what cannot be read, and was stored after the older one."""
        self.store.put(KEYS.service(DB.name), DB.encode())
        self.store.put(KEYS.service(LATE.name), b"garbage")
        self.check("-stdin", stdin=json.dumps(LATE.write()).encode())

    def test_each_command(self) -> None:
        """So does each command that changes one, and a deleted service that comes back is the youngest."""
        self.given_both()
        self.check("-set", "-svc", "late.myapp", "-instances", "2")
        self.check("scale", "late.myapp=3")
        self.check("restart", "late.myapp")
        self.check("rollback", "late.myapp", "1")
        self.run_line("-del", "-svc", "late.myapp")
        self.check("rollback", "late.myapp")

    def test_failed(self) -> None:
        """The line is said too of one that was stored before another service failed, which somebody deleted."""
        self.given_both()
        self.store.put(KEYS.service(API), named("api").encode())
        self.store.before = second(lambda: MemoryStore.commit(self.store, [], [Delete(KEYS.service(API))]))
        done = self.run_line("scale", "late.myapp=3", "api.myapp=2")
        self.assertEqual((done.status, done.stderr.splitlines(True)[0]), (3, LINE))

    def test_restore(self) -> None:
        """Of a backup, each that lacks something."""
        self.given_both()
        backup = self.run_line("backup").stdout.encode()
        for one in (LATE, DB):
            self.run_line("-del", "-svc", str(one.name))
        self.run_line("-stdin", stdin=json.dumps(DB.write()).encode())
        self.check("restore", stdin=backup)

    def test_takes_away(self) -> None:
        """An older service that takes a port from a younger one: the line is about the one that lacks it."""
        old = named("db")
        for one in (old, LATE):
            self.store.put(KEYS.service(one.name), one.encode())
        self.check("-stdin", stdin=json.dumps(DB.write()).encode())
        self.assertIsNotNone(self.store.get(KEYS.service(ServiceName("myapp", "db"))))

    def test_nothing(self) -> None:
        """Nothing is said of others that lack something already."""
        self.given_both()
        self.assertEqual(self.run_line("scale", "db.myapp=1").stderr, "")
