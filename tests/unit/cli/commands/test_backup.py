"""``backup`` and ``restore``: the wishes of people as one document, and back."""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.commands import backup
from daprdockr.cli.saved import VERSION
from daprdockr.model.stored.cordon import asking_to_drain
from daprdockr.model.stored.files import FileContent, FileRecord
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.pause import PauseMode, PauseRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.files import MOST_BYTES, stamp_of
from tests.build.stored import revisions_in
from tests.build.values import KEYS, WEB, definition, named
from tests.fakes.command_line import InterruptedStore, LentStore, Outcome, command_line, second

CONTENT = b"worker_processes 1;\n\xff\0"
PAUSE = PauseRecord(PauseMode.MAINTENANCE, "<p>Back at five.</p>", 1_795_854_069.5, "anna@desk")


class BackupCase(SynchronousTestCase):
    """A store with two services, a cordon, a drain and a pause."""

    def setUp(self) -> None:
        self.store = LentStore()
        self.store.put(KEYS.node("n1"), NodeRecord().encode(), self.store.lease)
        self.define(definition(), named("db", 2))
        self.store.put(KEYS.cordon("n1"), b"")
        self.store.put(KEYS.cordon("n2"), asking_to_drain())
        self.store.put(KEYS.pause(WEB), PAUSE.encode())
        self.store.put(KEYS.file("x.conf"), FileRecord(3, stamp_of(CONTENT), len(CONTENT)).encode())
        self.store.put(KEYS.content("x.conf"), FileContent(CONTENT).encode())
        self.store.put(KEYS.sealed_secret("token"), b"sealed")

    def define(self, *wanted: Definition) -> None:
        for one in wanted:
            self.store.put(KEYS.service(one.name), one.encode())

    def values(self) -> dict[str, bytes]:
        """All that a backup has, as stored."""
        places = (KEYS.services, KEYS.contents, f"{KEYS.root}cordons/", f"{KEYS.root}pauses/")
        return {entry.key: entry.value for entry in self.store.list(places).entries}

    def run_line(self, *words: str, given: object = None, status: int = 0) -> Outcome:
        data = given.encode() if isinstance(given, str) else json.dumps(given).encode()
        done = command_line(self.store, *words, stdin=data)
        self.assertEqual((done.status, self.store.lent), (status, 0), done.stderr)
        return done


class BackupTests(BackupCase):
    """The document."""

    def test_document(self) -> None:
        """It has definitions, files, cordons and pauses with a version, and nothing sealed or that agents make."""
        document = self.run_line("backup").json
        self.assertEqual((document.pop("Time") > 0, "@" in document.pop("By")), (True, True))
        pause = {"Mode": "maintenance", "Page": PAUSE.page, "Time": PAUSE.time, "By": PAUSE.by}
        self.assertEqual(
            document,
            {
                "Version": VERSION,
                "Services": [named("db", 2).write(), definition().write()],
                "Cordons": {"n1": {"Drain": False}, "n2": {"Drain": True}},
                "Pauses": {"web.myapp": pause},
                "Files": {"x.conf": base64.b64encode(CONTENT).decode()},
            },
        )

    def test_unreadable(self) -> None:
        """A value that cannot be read is reported, and the rest is there."""
        self.store.put(KEYS.service(WEB), b"{}")
        done = self.run_line("backup", status=1)
        self.assertEqual([one["Name"] for one in done.json["Services"]], ["db"])
        self.assertIn(f"not in the backup: {KEYS.service(WEB)}: ", done.stderr)

    def test_too_large(self) -> None:
        """A backup that ``restore`` would refuse is no success, which is said in time, also where it is incomplete."""
        self.patch(backup, "MAX_BYTES", 100)
        for _ in range(2):
            done = self.run_line("backup", status=1)
            self.assertIn("more than the 100 bytes that restore takes", done.stderr)
            self.store.put(KEYS.service(WEB), b"{")
        self.assertIn("not in the backup: ", done.stderr)


class RestoreTests(BackupCase):
    """The way back."""

    def test_into_an_empty_etcd(self) -> None:
        """All of it is there again, in the same bytes, with a revision; a second time nothing is written."""
        saved, before = self.run_line("backup").stdout, self.values()
        self.store = LentStore()
        shown = self.run_line("restore", given=saved).stdout
        self.assertIn("create cordon of n2\n", shown)
        self.assertIn("6 created, 0 overwritten, 0 as in the backup already\n", shown)
        self.assertEqual(self.values(), before)
        record = self.store.get(KEYS.file("x.conf"))
        self.assertEqual(FileRecord.decode(record.value).stamp if record else "", stamp_of(CONTENT))
        history = revisions_in(self.store)
        self.assertTrue(history.newest and history.newest.record.by.startswith("restore by "))
        self.store.calls.clear()
        self.assertIn("6 as in the backup already", self.run_line("restore", given=saved).stdout)
        self.assertEqual([call for call in self.store.calls if call in ("put", "commit")], [])

    def test_asks_before_it_overwrites(self) -> None:
        """If something is stored otherwise now it says what, and does nothing without ``-yes``."""
        saved = self.run_line("backup").stdout
        self.define(definition("web:2"), named("new"))
        self.store.put(KEYS.cordon("n1"), asking_to_drain())
        before = self.values()
        done = self.run_line("restore", given=saved, status=1)
        self.assertIn("overwrite web.myapp: Image web:2 -> web:1\n", done.stdout)
        self.assertIn("overwrite cordon of n1: otherwise now\n", done.stdout)
        self.assertIn("add -yes to overwrite 2 of what is stored now", done.stderr)
        self.assertEqual(self.values(), before)
        found = self.run_line("restore", "-yes", "-o", "json", given=saved).json
        self.assertEqual(found, {"Created": [], "Overwritten": ["web.myapp", "cordon of n1"], "Same": 4})
        self.assertEqual(self.values()[KEYS.cordon("n1")], b"")
        self.assertEqual(self.values()[KEYS.service(WEB)], definition().encode())
        self.assertIn(KEYS.service(named("new").name), self.values())

    def test_in_part(self) -> None:
        """If etcd takes no more in the middle, it is said that a part is stored, and the same again stores the rest."""
        saved, before = self.run_line("backup").stdout, self.values()
        self.store = store = InterruptedStore()
        store.before = second(partial(setattr, store, "full", True))
        done = self.run_line("restore", given=saved, status=1)
        self.assertIn("a part of the backup may be stored: run the same again", done.stderr)
        self.assertTrue(0 < len(self.values()) < len(before))
        store.full = False
        self.run_line("restore", given=saved)
        self.assertEqual(self.values(), before)

    def test_stored_meanwhile(self) -> None:
        """It overwrites what somebody stores meanwhile only with ``-yes``, as what was there before."""
        saved = self.run_line("backup").stdout
        others = {KEYS.service(WEB): definition("web:9").encode(), KEYS.file("x.conf"): FileRecord(7, "f7", 1).encode()}
        for key, value in others.items():
            for words, status in (((), 1), (("-yes",), 0)):
                self.store = store = InterruptedStore()
                store.before = second(partial(store.put, key, value))
                done = self.run_line("restore", *words, given=saved, status=status)
                entry = store.get(key)
                kept = entry is not None and entry.value == value
                self.assertEqual((kept, "meanwhile: run the same again" in done.stderr), (not words, not words), key)

    def test_wished_meanwhile(self) -> None:
        """So it does with a cordon and a pause, which it stores first."""
        saved = self.run_line("backup").stdout
        newer = {KEYS.cordon("n1"): asking_to_drain(), KEYS.pause(WEB): PauseRecord(PauseMode.HOLD).encode()}
        for key, value in newer.items():
            for words, status in (((), 1), (("-yes",), 0)):
                self.store = store = InterruptedStore()
                happens = iter([partial(store.put, key, value)])
                store.before = lambda happens=happens: next(happens, lambda: None)()  # type: ignore[misc]
                done = self.run_line("restore", *words, given=saved, status=status)
                kept = self.values()[key] == value
                self.assertEqual((kept, "meanwhile: run the same again" in done.stderr), (not words, not words), key)

    def test_replaces_unreadable(self) -> None:
        """A stored value that cannot be read is one to overwrite."""
        saved = self.run_line("backup").stdout
        self.store.put(KEYS.service(WEB), b"{}")
        self.run_line("restore", given=saved, status=1)
        self.run_line("restore", "-yes", given=saved)
        self.assertEqual(self.values()[KEYS.service(WEB)], definition().encode())

    def test_many(self) -> None:
        """Cordons and pauses are stored in transactions of a bounded size."""
        cordons = {f"node{number}": {"Drain": False} for number in range(100)}
        self.store = LentStore()
        self.run_line("restore", given={"Version": VERSION, "Cordons": cordons})
        self.assertEqual(len(self.values()), 100)
        self.assertEqual(self.store.calls.count("commit"), 7)

    def test_all_is_checked_before(self) -> None:
        """One part that cannot be used keeps the whole from being stored, and is named with its place."""
        before = self.values()
        good: dict[str, Any] = {"Version": VERSION, "Services": [named("x").write()]}
        for given, part in (
            ("", "stdin is empty: give it a backup"),
            (" \n", "stdin is empty"),
            ("{", "not JSON"),
            ([], "it is no backup"),
            ({}, "it is no backup"),
            ({"Version": 99}, "use a newer daprdockrcmd"),
            ({**good, "Servces": []}, "did you mean Services?"),
            ({**good, "Services": [*good["Services"], {"Name": "y"}]}, "Services[2]: Group is missing"),
            ({**good, "Services": good["Services"] * 2}, "given twice"),
            ({**good, "Cordons": {"A b": {}}}, "node name 'A b'"),
            ({**good, "Cordons": {"a": {"Drain": 1}}}, "Cordons.a.Drain"),
            ({**good, "Files": {"a/b": ""}}, "Files.a/b: "),
            ({**good, "Files": {"a": 7}}, "Files.a: "),
            ({**good, "Files": {"a": base64.b64encode(bytes(MOST_BYTES + 1)).decode()}}, "more than 64 KiB"),
            ({**good, "Pauses": {"x": {}}}, "Pauses.x: service 'x'"),
            ({**good, "Pauses": {"x.y": {"Mode": "z"}}}, "Pauses.x.y: "),
        ):
            done = self.run_line("restore", given=given, status=1)
            self.assertIn(part, done.stderr)
            self.assertEqual((done.stdout, self.values()), ("", before))

    def test_usage(self) -> None:
        """Neither takes an argument."""
        for words in (("backup", "x"), ("restore", "x"), ("backup", "-yes")):
            self.assertEqual(command_line(self.store, *words).status, 2)
