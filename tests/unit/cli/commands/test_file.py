"""``file``: configuration for containers is stored, listed, read back and deleted."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from daprdockr.model.stored.files import FileContent, FileRecord
from daprdockr.model.wanted.files import MOST_BYTES, stamp_of
from tests.build.command_line import DefinitionCase
from tests.build.values import KEYS, named
from tests.fakes.command_line import command_line

CONTENT = b"worker_processes 1;\n\xff\0"


class FileTests(DefinitionCase):
    def record(self, name: str = "nginx.conf") -> FileRecord | None:
        entry = self.store.get(KEYS.file(name))
        return None if entry is None else FileRecord.decode(entry.value)

    def test_set(self) -> None:
        """The content of stdin or of a file is stored byte by byte, and ``get`` prints it so."""
        given = Path(self.mktemp())
        given.write_bytes(CONTENT)
        for words, stdin, expected in (
            (("nginx.conf",), b"a\n", b"a\n"),
            (("nginx.conf", "-"), b"", b""),
            (("nginx.conf", str(given)), b"", CONTENT),
        ):
            done = self.run_line("file", "set", *words, stdin=stdin)
            self.assertEqual((done.status, done.stderr), (0, ""))
            entry = self.store.get(KEYS.content("nginx.conf"))
            assert entry is not None
            self.assertEqual(FileContent.decode(entry.value).content, expected)
            printed = self.run_line("file", "get", "nginx.conf").stdout
            self.assertEqual(printed.encode("utf-8", "surrogateescape"), expected)
        self.assertEqual(self.record(), FileRecord(3, stamp_of(CONTENT), len(CONTENT), *self.when_and_who()))
        told = self.run_line("file", "get", "nginx.conf", "-o", "json").json
        self.assertEqual(base64.b64decode(told["Content"]), CONTENT)
        events = self.run_line("events", "-o", "json").json
        self.assertEqual([one["Subject"] for one in events], ["file nginx.conf"] * 3)

    def when_and_who(self) -> tuple[float, str]:
        record = self.record()
        assert record is not None
        return record.time, record.by

    def test_same(self) -> None:
        """The same content once more writes nothing, and so does a write whose answer was lost."""
        self.store.loses = 1
        done = self.run_line("file", "set", "a", "-o", "json", stdin=b"x")
        self.assertEqual((done.status, done.json["Revision"]), (0, 1))
        before = self.store.revision
        done = self.run_line("file", "set", "a", stdin=b"x")
        self.assertEqual((done.stdout, self.store.revision), ("file a had this content already, revision 1\n", before))

    def test_largest(self) -> None:
        """64 KiB fit; one byte more is refused."""
        self.assertEqual(self.run_line("file", "set", "big", stdin=b"x" * MOST_BYTES).status, 0)
        done = self.run_line("file", "set", "bigger", stdin=b"x" * (MOST_BYTES + 1))
        self.assertEqual((done.status, self.record("bigger")), (1, None))
        self.assertIn("larger than 64 KiB", done.stderr)

    def test_usage(self) -> None:
        """A wrong command line is one line that says what is missing."""
        for words, said in (
            ((), "needs to know what to do"),
            (("show", "x"), "is not what file can do"),
            (("get",), "needs the name of a file"),
            (("set", "a", "file", "more"), "on stdin, or in a file"),
            (("rm", "a/b"), "file name"),
            (("ls", "x"), "leave it out"),
            (("ls", "-yes"), "-yes has no use"),
        ):
            done = self.run_line("file", *words)
            self.assertEqual((done.status, done.stderr.count("\n")), (2, 1), words)
            self.assertIn(said, done.stderr)

    def test_listed(self) -> None:
        """The list names size, author and users, files that nobody set, and those that a newer version wrote."""
        command_line(self.store, "file", "set", "a", stdin=b"xyz", environment={"SUDO_USER": "anna"})
        self.store.put(KEYS.file("newer"), b"{}")
        using = named("web", Files=[{"Name": "a", "Target": "/a"}, {"Name": "b", "Target": "/b"}, STATED])
        self.store.put(KEYS.service(using.name), using.encode())
        a, b, newer = self.run_line("file", "ls", "-o", "json").json
        self.assertEqual((a["Size"], a["Users"], a["By"]), (3, ["web.myapp"], f"anna@{os.uname().nodename}"))
        self.assertEqual((b["Name"], b["Set"], b["Users"]), ("b", False, ["web.myapp"]))
        self.assertEqual((newer["Name"], newer["Set"]), ("newer", True))
        table = self.run_line("file", "ls").stdout
        self.assertTrue("not set" in table and "unreadable" in table)

    def test_deleted(self) -> None:
        """Record and content go together; one that services use goes only if the person insists."""
        self.run_line("file", "set", "a", stdin=b"x")
        using = named("web", Files=[{"Name": "a", "Target": "/a"}])
        self.store.put(KEYS.service(using.name), using.encode())
        done = self.run_line("file", "rm", "a")
        self.assertEqual((done.status, done.stderr.count("\n")), (1, 1))
        self.assertIn("is used by web.myapp", done.stderr)
        self.assertEqual(self.run_line("file", "rm", "a", "-yes").stdout, "file a is deleted\n")
        self.assertEqual((self.record("a"), self.store.get(KEYS.content("a"))), (None, None))
        for words in (("rm", "a", "-yes"), ("get", "a")):
            done = self.run_line("file", *words)
            self.assertEqual((done.status, done.stderr.count("\n")), (3, 1))

    def test_unreadable(self) -> None:
        """A content that a newer version wrote is one line."""
        self.store.put(KEYS.content("a"), b"{}")
        done = self.run_line("file", "get", "a")
        self.assertEqual((done.status, done.stderr.count("\n")), (1, 1))
        self.assertIn("set it again", done.stderr)


STATED = {"Content": "c", "Target": "/c"}
