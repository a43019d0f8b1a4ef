"""``history`` and ``rollback``: what a service was, who changed it, and the way back."""

from __future__ import annotations

import os
from typing import Any

from daprdockr.cli.definitions import LEFT
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.history import RevisionRecord, Revisions
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.stored.sealed import SecretRecord
from daprdockr.model.wanted.definition import Definition
from tests.build.command_line import DOCUMENT, KEY, DefinitionCase
from tests.build.stored import revisions_in
from tests.build.values import KEYS, WEB, definition, instance
from tests.fakes.command_line import Outcome, command_line

SET = ("-set", "-svc", "web.myapp")


class HistoryCase(DefinitionCase):
    """A service whose history is made by command lines."""

    def image(self, image: str, *more: str) -> None:
        self.assertEqual(self.run_line(*SET, "-image", image, *more).status, 0)

    def history(self) -> Revisions:
        return revisions_in(self.store)

    def good(self, *numbers: int) -> None:
        """Mark revisions as an agent does."""
        for number in numbers:
            found = self.history().find(number)
            assert found is not None
            record = RevisionRecord(found.record.definition, found.record.time, found.record.by, good=True)
            self.store.put(KEYS.revision(WEB, number), record.encode())

    def authors(self) -> list[str]:
        here = f"@{os.uname().nodename}"
        return [one.record.by.removesuffix(here) for one in self.history().revisions]

    def rows(self, *words: str) -> list[dict[str, Any]]:
        done = self.run_line("history", "web.myapp", "-o", "json")
        self.assertEqual(done.status, 0)
        rows: list[dict[str, Any]] = done.json
        return rows


class HistoryTests(HistoryCase):
    """Each definition that is stored is a revision, and they are shown."""

    def test_each_way(self) -> None:
        """Every command that stores a definition stores its revision with it, and who it was."""
        self.image("web:1")
        self.run_line("-stdin", stdin=DOCUMENT)
        self.run_line("scale", "web.myapp=5")
        self.run_line("restart", "web.myapp")
        self.run_line("rollback", "web.myapp", "1")
        user = self.authors()[0]
        self.assertEqual(
            self.authors(), [user, user, *(f"{how} by {user}" for how in ("scale", "restart", "rollback to 1"))]
        )
        newest = self.history().newest
        assert newest is not None
        self.assertEqual(newest.record.definition.write(), self.stored())

    def test_person(self) -> None:
        """The person who used sudo is the author, and not root."""
        command_line(self.store, *SET, "-image", "web:1", environment={"SUDO_USER": "anna", "USER": "root"})
        self.assertEqual(self.authors(), ["anna"])

    def test_nothing_new(self) -> None:
        """A definition that is in force already makes no revision."""
        for _ in range(2):
            self.image("web:1")
        self.assertEqual(len(self.rows()), 1)

    def test_lost_answer(self) -> None:
        """A write whose answer was lost makes one revision."""
        self.store.loses = 1
        self.image("web:1")
        self.assertEqual(len(self.rows()), 1)

    def test_shown(self) -> None:
        """Each revision has its line: number, time, author, whether it was good or is in force, and what it changed."""
        self.image("web:1", "-instances", "2")
        self.image("web:2", "-instances", "3")
        self.run_line(*SET, "-cmd", "run 'a b'")
        self.good(1)
        done = self.run_line("history", "web.myapp")
        head, *lines = (
            [cell.strip() for cell in line.split("   ") if cell.strip()] for line in done.stdout.splitlines()
        )
        self.assertEqual(head, ["REVISION", "TIME", "BY", "GOOD", "PRESENT", "CHANGED"])
        self.assertEqual([(line[0], *line[3:]) for line in lines], [
            ("1", "yes", "no", "created"),
            ("2", "no", "no", "Instances 2 -> 3, Image web:1 -> web:2"),
            ("3", "no", "yes", "Cmd set"),
        ])  # fmt: skip
        self.assertRegex(lines[0][1], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$")

    def test_program(self) -> None:
        """A program gets the whole definition of each revision, and all changes."""
        self.image("web:1")
        self.image("web:2")
        newest = self.rows()[-1]
        self.assertEqual((newest["Definition"], newest["Changed"]), (self.stored(), ["Image web:1 -> web:2"]))
        self.assertEqual(newest["Digest"], Definition.read(self.stored()).digest)

    def test_older_version(self) -> None:
        """A definition that an older version stored is a revision too, good if it runs so, once it is replaced."""
        for healthy in (True, False):
            self.store.put(KEY, definition("web:1").encode())
            record = ClaimRecord("a", State.RUNNING, healthy, definition=definition("web:1").digest)
            self.store.put(KEYS.claim(instance(1)), record.encode(), self.store.lease)
            self.image("web:2")
            rows = self.rows()[-2:]
            self.assertEqual([(row["By"] == "", row["Good"]) for row in rows], [(True, healthy), (False, False)])

    def test_none_yet(self) -> None:
        """Of a service that an older version defined, and nobody changed since, there is none to show yet."""
        self.store.put(KEY, definition().encode())
        done = self.run_line("history", "web.myapp")
        self.assertEqual((done.status, done.stderr, self.rows()), (0, "", []))
        self.assertIn("is no revision yet", done.stdout)

    def test_good(self) -> None:
        """A revision under which all is well when it is replaced is good, whether or not an agent marked it."""
        self.image("web:1", "-instances", "2")
        for number in (1, 2):
            record = ClaimRecord("a", State.RUNNING, healthy=True, definition=definition("web:1").digest)
            self.store.put(KEYS.claim(instance(number)), record.encode(), self.store.lease)
        self.image("web:2")
        self.image("web:3")
        self.assertEqual([row["Good"] for row in self.rows()], [True, False, False])
        self.assertEqual(self.run_line("rollback", "web.myapp").json["Container"], {"Image": "web:1"})

    def test_unknown(self) -> None:
        """A service that never was is not found."""
        for command in ("history", "rollback"):
            done = self.run_line(command, "web.myapp")
            self.assertEqual((done.status, done.stdout), (3, ""))
            self.assertIn("web.myapp does not exist, and has no history", done.stderr)

    def test_deleted(self) -> None:
        """A deleted service has its history still, and ``rollback`` brings it back as it was."""
        self.image("web:1")
        self.image("web:2")
        before = self.stored()
        self.run_line("-del", "-svc", "web.myapp")
        shown = self.run_line("history", "web.myapp").stdout
        self.assertIn("web.myapp is deleted: daprdockrcmd rollback web.myapp brings it back", shown)
        self.assertEqual(self.run_line("rollback", "web.myapp").status, 0)
        self.assertEqual(self.stored(), before)

    def test_deleted_for_good(self) -> None:
        """The history of a deleted service ends after a while; that of one that was brought back does not."""
        self.image("web:1")
        self.run_line("-del", "-svc", "web.myapp")
        self.run_line("rollback", "web.myapp")
        self.store.advance(LEFT + 1)
        self.assertEqual(len(self.rows()), 2)
        self.run_line("-del", "-svc", "web.myapp")
        self.store.advance(LEFT + 1)
        self.assertEqual(self.run_line("history", "web.myapp").status, 3)

    def test_deleted_while_full(self) -> None:
        """An etcd without room still deletes a service; its history stays."""
        self.image("web:1")
        self.store.full = True
        self.assertEqual(self.run_line("-del", "-svc", "web.myapp").status, 0)
        self.assertEqual((self.stored(), len(self.history().numbers)), (None, 1))

    def test_ends_rollout(self) -> None:
        """With another definition the record of a rollout ends; a paused one stays while its containers are wanted."""
        key = KEYS.rollout(WEB)
        for state, words, stays in (
            (RolloutState.REVERTED, ("scale", "web.myapp=2"), False),
            (RolloutState.PAUSED, ("scale", "web.myapp=3"), True),
            (RolloutState.PAUSED, ("restart", "web.myapp"), False),
            (RolloutState.PAUSED, ("-del", "-svc", "web.myapp"), False),
        ):
            self.image("web:1")
            digest = Definition.read(self.stored()).digest
            self.store.put(key, RolloutRecord(state, digest, digest).encode())
            self.run_line(*words)
            self.assertEqual(self.store.get(key) is not None, stays, words)

    def test_another_before(self) -> None:
        """A rollout whose ``Before`` has failed is paused no more when that command is mended, or removed."""
        failing, mended = ({**DOCUMENT, "Before": {"Cmd": [word]}} for word in ("fail", "mend"))
        for words, stdin, stays in (
            (("scale", "web.myapp=7"), None, True),
            (("-stdin",), mended, False),
            (("-stdin",), DOCUMENT, False),
        ):
            self.run_line("-stdin", stdin=failing)
            digest = Definition.read(failing).digest
            self.store.put(KEYS.rollout(WEB), RolloutRecord(RolloutState.PAUSED, "", digest, run=3).encode())
            self.run_line(*words, stdin=stdin)
            self.assertEqual(self.store.get(KEYS.rollout(WEB)) is not None, stays, (words, stdin))

    def test_keeps_rollout_with_secrets(self) -> None:
        """So does that of a service with secrets, whose containers also depend on how often each was set."""
        secret = SecretRecord(1, "5" * 12, 20, "a" * 16)
        self.store.put(KEYS.secret("password"), secret.encode())
        self.run_line("-stdin", stdin={**DOCUMENT, "Secrets": [{"Name": "password", "Env": "P"}]})
        cluster = Cluster(KEYS)
        cluster.replace(self.store.list(KEYS.mirrored))
        digest = cluster.services[WEB].definition.digest
        self.store.put(KEYS.rollout(WEB), RolloutRecord(RolloutState.PAUSED, "", digest).encode())
        self.run_line("scale", "web.myapp=3")
        self.assertIsNotNone(self.store.get(KEYS.rollout(WEB)))

    def test_restarted(self) -> None:
        """A restart changes the digest; a person's file, which does not speak of it, does not undo it."""
        self.run_line("-stdin", stdin=DOCUMENT)
        before = Definition.read(DOCUMENT).digest
        restarted = self.run_line("restart", "web.myapp").json
        digest = Definition.read(restarted).digest
        self.assertNotEqual(digest, before)
        done = self.run_line("-stdin", stdin=DOCUMENT)
        self.assertEqual((done.json, len(self.rows())), (restarted, 2))
        self.run_line("restart", "web.myapp")
        self.assertNotEqual(Definition.read(self.stored()).digest, digest)


class RollbackTests(HistoryCase):
    """An earlier revision is put in force again."""

    def rollback(self, *words: str) -> Outcome:
        return self.run_line("rollback", "web.myapp", *words)

    def test_newest_good(self) -> None:
        """Without a number it is the last one that was healthy as a whole and differs from the present one."""
        for image in ("web:1", "web:2", "web:3"):
            self.image(image)
        self.good(1, 3)
        done = self.rollback()
        self.assertEqual((done.status, done.json), (0, self.stored()))
        self.assertEqual(done.json["Container"], {"Image": "web:1"})

    def test_given(self) -> None:
        """With a number it is that one, healthy or not."""
        for image in ("web:1", "web:2", "web:3"):
            self.image(image)
        self.assertEqual(self.rollback("2").json["Container"], {"Image": "web:2"})

    def test_none_good(self) -> None:
        """Where none was healthy one line says so, and what can be done."""
        self.image("web:1")
        self.image("web:2")
        self.good(2)
        before, done = self.stored(), self.rollback()
        self.assertEqual((done.status, self.stored()), (1, before))
        self.assertEqual(
            done.stderr,
            "daprdockrcmd: no other revision of web.myapp was healthy as a whole: daprdockrcmd history web.myapp lists"
            " all, and daprdockrcmd rollback web.myapp REVISION goes back to one of them\n",
        )

    def test_no_such_revision(self) -> None:
        """A number that no revision has is not found."""
        self.image("web:1")
        done = self.rollback("7")
        self.assertEqual(done.status, 3)
        self.assertIn("revision 7 of web.myapp does not exist: daprdockrcmd history web.myapp lists all", done.stderr)

    def test_unreadable(self) -> None:
        """A revision of a newer version is not gone back to by this one."""
        self.image("web:1")
        self.store.put(KEYS.revision(WEB, 2), b'{"Definition": {"Novelty": 1}}')
        done = self.rollback("2")
        self.assertEqual(done.status, 1)
        self.assertIn("revision 2 of web.myapp cannot be read by this version", done.stderr)
        self.assertIn("1 more revision cannot be read", self.run_line("history", "web.myapp").stdout)

    def test_over_a_broken_one(self) -> None:
        """It mends a stored definition that cannot be read."""
        self.image("web:1")
        self.good(1)
        self.store.put(KEY, b"garbage")
        self.assertEqual(self.run_line("history", "web.myapp").status, 0)
        self.assertEqual(self.rollback().status, 0)
        self.assertEqual(self.stored(), definition("web:1").write())

    def test_changed_meanwhile(self) -> None:
        """A change that somebody makes meanwhile is not undone by it."""
        self.image("web:1")
        self.image("web:2")
        rivals = [lambda: self.given()]
        self.store.before = lambda: rivals.pop()() if rivals else None
        self.assertEqual(self.rollback("1").status, 1)
        self.assertEqual(self.stored(), DOCUMENT)

    def test_lost_answer(self) -> None:
        """A rollback whose answer was lost happens once."""
        self.image("web:1")
        self.image("web:2")
        self.store.loses = 1
        self.assertEqual(self.rollback("1").status, 0)
        self.assertEqual(len(self.rows()), 3)
