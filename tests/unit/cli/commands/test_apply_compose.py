"""``apply``, ``plan`` and ``diff`` with Compose files."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.names import ServiceName
from daprdockr.model.stored.files import FileRecord
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.sealed import SecretRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.files import stamp_of
from tests.build.values import KEYS
from tests.fakes.command_line import EventfulStore, Outcome, command_line

WEB = "services:\n  web:\n    image: web:${TAG:-1}\n    container_name: w\n  lab: {image: lab, profiles: [lab]}\n"
SAID = ":4: services.web.container_name: containers are called after their instances: use the service's name\n"
REFUSED = f"{WEB}  db:\n    image: db\n    pre_stop: [{{command: x}}]\n"

VALUES = """
services: {web: {image: web, secrets: [api_key], configs: [logo]}}
secrets: {api_key: {file: key.txt}}
configs: {logo: {file: logo.png}}
"""


class ComposeTests(SynchronousTestCase):
    """A directory ``shop``."""

    def setUp(self) -> None:
        self.store = EventfulStore()
        self.store.put(KEYS.node("n1"), NodeRecord().encode(), self.store.lease)
        self.directory = Path(self.mktemp()) / "shop"
        self.directory.mkdir(parents=True)

    def file(self, text: str) -> str:
        (self.directory / "compose.yaml").write_text(text, encoding="utf-8")
        return str(self.directory)

    def run_line(self, *words: str, stdin: bytes = b"", **environment: str) -> Outcome:
        return command_line(self.store, *words, stdin=stdin, environment=environment)

    def stored(self, service: str, group: str = "shop") -> Definition | None:
        entry = self.store.get(KEYS.service(ServiceName(group, service)))
        return None if entry is None else Definition.parse(entry.value)

    def test_applied(self) -> None:
        """Its services are put in force, with variables and profiles, and what is left out is named."""
        (self.directory / "old.json").write_text('{"Name": "old", "Group": "shop", "Container": {"Image": "old"}}')
        done = self.run_line("apply", "-f", self.file(WEB), "-profile", "lab", TAG="7")
        self.assertEqual(0, done.status, done.stderr)
        self.assertTrue(done.stderr.endswith(SAID), done.stderr)
        self.assertIn("create web.shop", done.stdout)
        found = [one.image for name in ("web", "lab", "old") if (one := self.stored(name)) is not None]
        self.assertEqual(["web:7", "lab", "old"], found)
        again = self.run_line("plan", "-f", self.file(WEB), TAG="7")
        self.assertEqual("2 services are as given already\n", again.stdout)

    def test_refused(self) -> None:
        """Nothing is stored of a file that would mean something else, unless that is known."""
        name = self.file(REFUSED)
        done = self.run_line("apply", "-f", name)
        self.assertEqual((1, "", None), (done.status, done.stdout, self.stored("web")))
        last = done.stderr.splitlines()[-1]
        self.assertIn("without services.db.pre_stop it means something else: change the file, or add -incomplete", last)
        self.assertEqual(0, self.run_line("apply", "-f", name, "-incomplete").status)
        self.assertIsNotNone(self.stored("db"))

    def test_values(self) -> None:
        """A secret or a file is named until it is set; by ``import``, which asks no etcd, always."""
        for name in ("key.txt", "logo.png"):
            (self.directory / name).write_bytes(b"\xff\0")
        name = self.file(VALUES)
        secret, file = "secret set shop_api_key key.txt\n", "file set shop_logo logo.png\n"
        for words in (("plan",), ("diff",), ("apply",), ("apply",)):
            said = self.run_line(*words, "-f", name).stderr
            self.assertEqual((True, True), (secret in said, file in said), said)
        self.store.put(KEYS.secret("shop_api_key"), SecretRecord(1, "s1", 5, "key").encode())
        said = self.run_line("plan", "-f", name).stderr
        self.assertEqual((False, True), (secret in said, file in said), said)
        self.store.put(KEYS.file("shop_logo"), FileRecord(1, "other", 2).encode())
        self.assertIn(file, self.run_line("plan", "-f", name).stderr)
        self.store.put(KEYS.file("shop_logo"), FileRecord(2, stamp_of(b"\xff\0"), 2).encode())
        for words in (("plan",), ("diff",), ("apply",)):
            self.assertEqual("", self.run_line(*words, "-f", name).stderr)
        said = self.run_line("import", f"{name}/compose.yaml").stderr
        self.assertEqual((True, True), (secret in said, file in said), said)

    def test_included(self) -> None:
        """A file that only includes others is one of Compose, too; and so is one that forgets its services."""
        (self.directory / "web.yml").write_text(WEB)
        done = self.run_line("apply", "-f", f"{self.file('include: [web.yml]')}/compose.yaml")
        self.assertEqual(0, done.status, done.stderr)
        self.assertIsNotNone(self.stored("web"))
        empty = self.run_line("apply", "-f", self.file("services:"))
        self.assertIn("shop: there is no service: name one below services", empty.stderr)

    def test_tags(self) -> None:
        """The tags that only Compose has are read, and a mistake is said as one of Compose."""
        text = "services:\n  base: {image: a, cap_add: [CHOWN]}\n  web: {extends: base, cap_add: !override [KILL]}\n"
        done = self.run_line("apply", "-f", self.file(text))
        self.assertEqual(0, done.status, done.stderr)
        stored = self.stored("web")
        self.assertEqual(["KILL"], stored.container.fields["CapAdd"] if stored else [])
        wrong = self.run_line("apply", "-f", self.file(text.replace("!override", "!overide")))
        self.assertIn("compose.yaml: the tag !overide means nothing in a Compose file (line 3", wrong.stderr)
        self.assertEqual(1, wrong.stderr.count("\n"))

    def test_stdin(self) -> None:
        """Compose may come from stdin; a mistake has its line."""
        text = f"name: a\n{WEB}".encode()
        self.assertEqual(0, self.run_line("apply", "-f", "-", stdin=text).status)
        self.assertIsNotNone(self.stored("web", "a"))
        done = self.run_line("diff", "-f", "-", stdin=b"services:\n  web: {imag: x}")
        self.assertEqual((1, 1), (done.status, done.stderr.count("\n")))
        self.assertIn("stdin:2: services.web.imag: is not a known key", done.stderr)

    def test_pipe(self) -> None:
        """A pipe, as a shell's ``<(...)`` is one, is read once alone."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.write(writer, f"name: a\n{WEB}".encode())
        os.close(writer)
        done = self.run_line("apply", "-f", f"/dev/fd/{reader}")
        self.assertEqual(0, done.status, done.stderr)
        self.assertIsNotNone(self.stored("web", "a"))
