"""``pause`` and ``resume``: an operator keeps HTTP requests away from a service, and lets them in again."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from attrs import evolve

from daprdockr.model.errors import EtcdRefused
from daprdockr.model.stored.pause import MAX_PAGE, PauseMode, PauseRecord
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from tests.build.command_line import DefinitionCase, demo
from tests.build.jobs import job
from tests.build.values import KEYS, named
from tests.fakes.command_line import InterruptedStore, Outcome, command_line

WEB = demo().name


class Eventless(InterruptedStore):
    """An etcd whose user may write no events."""

    def put(self, key: str, value: bytes, lease: int = 0) -> int:
        if key.startswith(KEYS.events):
            raise EtcdRefused("etcd refuses this: permission denied")
        return super().put(key, value, lease)


class PauseTests(DefinitionCase):
    def setUp(self) -> None:
        super().setUp()
        self.given()

    @property
    def pause(self) -> PauseRecord | None:
        entry = self.store.get(KEYS.pause(WEB))
        return None if entry is None else PauseRecord.decode(entry.value)

    @property
    def page(self) -> str:
        assert self.pause is not None
        return self.pause.page

    def file(self, content: bytes) -> str:
        path = Path(self.mktemp())
        path.write_bytes(content)
        return str(path)

    def test_pauses(self) -> None:
        """The record says how, when and who; it stands under no lease."""
        done = command_line(self.store, "pause", "web.myapp", environment={"SUDO_USER": "anna"})
        self.assertEqual((done.status, done.stderr), (0, ""))
        self.assertIn("web.myapp is paused", done.stdout)
        assert self.pause is not None
        self.assertEqual((self.pause.mode, self.pause.by[:5]), (PauseMode.HOLD, "anna@"))
        self.assertLess(abs(time.time() - self.pause.time), 3600)
        entry = self.store.get(KEYS.pause(WEB))
        assert entry is not None
        self.assertEqual(entry.lease, 0)

    def test_maintenance(self) -> None:
        """The page is that of the file, of stdin, or none; another pause replaces the one before."""
        path = self.file("\ufeff<p>gleich zur\u00fcck".encode())
        for words, page in (
            (("web.myapp", "-maintenance", path), "<p>gleich zur\u00fcck"),
            (("-maintenance", "web.myapp", "-"), "from stdin"),
            (("--maintenance", "web.myapp"), ""),
        ):
            done = self.run_line("pause", *words, stdin=b"from stdin")
            self.assertEqual((done.status, done.stderr, self.page), (0, "", page))
            self.assertIn("web.myapp is under maintenance", done.stdout)
        self.run_line("pause", "web.myapp")
        self.assertEqual(self.pause and self.pause.mode, PauseMode.HOLD)

    def test_no_page(self) -> None:
        """A file that is no page is refused in one line, and nothing is stored."""
        bad = [self.file(b"\xff\xfe"), self.file(b"a\0b"), self.file(b"x" * (MAX_PAGE + 1)), "/", "/gone", "a\0b"]
        for path in bad:
            done = self.run_line("pause", "web.myapp", "-maintenance", path)
            self.assertEqual((done.status, done.stdout, done.stderr.count("\n")), (1, "", 1), path)
            self.assertIn("the page", done.stderr)
        self.assertIsNone(self.pause)
        self.assertEqual(self.run_line("pause", "web.myapp", "-maintenance", self.file(b"x" * MAX_PAGE)).status, 0)

    def test_refused(self) -> None:
        """A service that does not exist, or has no HTTP, cannot be paused; a page needs its flag."""
        self.store.put(KEYS.service(named("db").name), named("db").encode())
        self.store.put(KEYS.service(job().name), job().encode())
        for words, status, said in (
            (("no.myapp",), 3, "no.myapp does not exist"),
            (("db.myapp",), 1, "db.myapp has no Http, and nothing else can be paused: to stop it, scale it to 0"),
            (("report.myapp",), 1, "to stop it, delete it (rollback brings it back)"),
            (("web.myapp", "page.html"), 2, "add -maintenance"),
            ((), 2, "needs the name of a service"),
        ):
            done = self.run_line("pause", *words)
            self.assertEqual((done.status, done.stdout, said in done.stderr), (status, "", True), done)

    def test_resumes(self) -> None:
        """The pause is gone; that there was none is no failure, unless the service is unknown too."""
        self.run_line("pause", "web.myapp")
        self.assertEqual(self.run_line("resume", "web.myapp"), Outcome(0, "web.myapp gets HTTP requests again\n", ""))
        self.assertIsNone(self.pause)
        self.assertEqual(self.run_line("resume", "web.myapp"), Outcome(0, "web.myapp is not paused\n", ""))
        self.assertEqual(self.run_line("resume", "no.myapp").status, 3)

    def test_events(self) -> None:
        """A pause and its end are events with the person in them; that there was no pause to end is none."""
        by = {"SUDO_USER": "anna"}
        for words in (["pause", "web.myapp"], ["resume", "web.myapp"], ["resume", "web.myapp"]):
            command_line(self.store, *words, environment=by)
        found = self.run_line("events", "-o", "json").json
        at = os.uname().nodename
        self.assertEqual([one["Text"] for one in found], [f"paused by anna@{at}", f"resumed by anna@{at}"])
        self.assertEqual({one["Subject"] for one in found}, {"web.myapp"})

    def test_event_refused(self) -> None:
        """A user who may not write events can pause a service."""
        self.store = Eventless()
        self.given()
        self.assertEqual(self.run_line("pause", "web.myapp").status, 0)
        self.assertIsNotNone(self.pause)

    def test_deleted(self) -> None:
        """A pause outlives its service, and can be ended without it."""
        self.run_line("pause", "web.myapp")
        self.run_line("-del", "-svc", "web.myapp")
        self.assertIsNotNone(self.pause)
        self.assertEqual(self.run_line("resume", "web.myapp").status, 0)
        self.assertIsNone(self.pause)

    def test_json(self) -> None:
        """With ``-o json`` an object says what became of the service."""
        self.assertEqual(
            self.run_line("pause", "web.myapp", "-o", "json").json, {"Service": "web.myapp", "Paused": "hold"}
        )
        for was_paused in (True, False):
            done = self.run_line("resume", "web.myapp", "-o", "json")
            ended = {"Paused": None, "WasPaused": was_paused, "RolloutGoesOn": False, "Acknowledged": False}
            self.assertEqual(done.json, {"Service": "web.myapp", **ended})

    def test_rollout(self) -> None:
        """A rollout that waits for a person goes on."""
        key = KEYS.rollout(WEB)
        for state in ("paused", "failed"):
            self.store.put(key, json.dumps({"State": state}).encode())
            said = self.run_line("resume", "web.myapp").stdout
            self.assertEqual(said, "the rollout of web.myapp goes on\n")
            self.assertIsNone(self.store.get(key))
        texts = [one["Text"] for one in self.run_line("events", "-o", "json").json]
        self.assertEqual([text.split(" by ")[0] for text in texts], ["rollout resumed"] * 2)

    def test_reverted(self) -> None:
        """One that was reverted is reported until a person has taken note, once; its record stays for the agents."""
        self.store.put(KEYS.service(WEB), demo().encode())
        record = RolloutRecord(RolloutState.REVERTED, demo().stated.digest, "ba9876543210", "exit status 3", "b")
        self.store.put(KEYS.rollout(WEB), record.encode())
        self.assertIn("was reverted", self.run_line("wait", "web.myapp").stderr)
        done = self.run_line("resume", "web.myapp")
        said = "web.myapp runs as before its reverted rollout, which is not reported any more\n"
        self.assertEqual(done, Outcome(0, said, ""))
        self.assertNotIn("was reverted", self.run_line("status", "web.myapp").stdout)
        entry = self.store.get(KEYS.rollout(WEB))
        assert entry is not None
        self.assertEqual(RolloutRecord.decode(entry.value), evolve(record, acknowledged=True))
        self.assertEqual(self.run_line("resume", "web.myapp").stdout, "web.myapp is not paused\n")
        (text,) = [one["Text"] for one in self.run_line("events", "-o", "json").json]
        self.assertEqual(text.split(" by ")[0], "the reverted rollout was acknowledged")

    def test_shown(self) -> None:
        """``status`` says who paused a service, and as JSON also when, without the page."""
        self.store.put(KEYS.pause(WEB), PauseRecord(PauseMode.MAINTENANCE, "<p>", 5, "anna@desk").encode())
        self.assertIn("under maintenance by anna@desk", self.run_line("status").stdout)
        (row,) = self.run_line("status", "-o", "json").json["Services"]
        self.assertEqual(row["Paused"], {"Mode": "maintenance", "Time": 5, "By": "anna@desk"})
