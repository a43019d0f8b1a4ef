"""``import``: what it prints, and its exit status."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.compose_files import read_file
from daprdockr.cli.compose_yaml import MOST_BYTES
from daprdockr.model.errors import BadInput
from tests.fakes.command_line import Outcome, command_line
from tests.fakes.store import MemoryStore

WEB = "services:\n  web:\n    image: web:${TAG:-1}\n    env_file: web.env\n"
PRINTED = """\
Name: web
Group: {group}
Instances: 1
Container:
  DnsSearch:
  - {group}.container
  Env:
  - A=1
  Image: web:{tag}
"""


class ImportTests(SynchronousTestCase):
    """A directory with a Compose file."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        (self.directory / "shop").mkdir(parents=True)
        self.file("web.env", "A=1")

    def file(self, name: str, text: str) -> str:
        path = self.directory / "shop" / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def run_line(self, *words: str, stdin: bytes = b"", **environment: str) -> Outcome:
        return command_line(MemoryStore(), "import", *words, stdin=stdin, environment=environment)

    def test_whole(self) -> None:
        """A file that is carried over whole is printed, and nothing is said."""
        done = self.run_line(self.file("compose.yaml", WEB), TAG="2")
        self.assertEqual(Outcome(0, PRINTED.format(group="shop", tag=2), ""), done)

    def test_home(self) -> None:
        """A path that begins with a tilde lies in the home directory of the person."""
        text = "services: {web: {image: 'web:1', env_file: ~/web.env}}"
        done = self.run_line(self.file("compose.yaml", text), HOME=str(self.directory.resolve() / "shop"))
        self.assertEqual(Outcome(0, PRINTED.format(group="shop", tag=1), ""), done)

    def test_group(self) -> None:
        """The group may be given, and JSON be asked for."""
        name = self.file("compose.yaml", WEB)
        self.assertEqual(PRINTED.format(group="my-shop", tag=1), self.run_line(name, "-group", "my-shop").stdout)
        self.assertEqual(["web"], [one["Name"] for one in self.run_line(name, "-o", "json").json])

    def test_left_out(self) -> None:
        """Each key that is left out is named on stderr, and the exit status says so; the definition is printed."""
        name = self.file("compose.yaml", f"{WEB}    container_name: w\n")
        done = self.run_line(name)
        self.assertEqual((1, PRINTED.format(group="shop", tag=1)), (done.status, done.stdout))
        shown = name.removeprefix(f"{os.getcwd()}/")
        expected = (
            f"daprdockrcmd: {shown}:5: services.web.container_name: containers are called after their instances: "
        )
        self.assertEqual(f"{expected}use the service's name\n", done.stderr)

    def test_pipe(self) -> None:
        """A shell can give a file as ``<(...)``, which lies in the working directory; a directory is named as one."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.write(writer, b"services: {web: {image: a, container_name: w}}")
        os.close(writer)
        done = self.run_line(f"/dev/fd/{reader}", "-o", "json")
        self.assertIn(f"daprdockrcmd: /dev/fd/{reader}:1: services.web.container_name: ", done.stderr)
        self.assertNotEqual("fd", done.json[0]["Group"])
        done = self.run_line(str(self.directory))
        self.assertEqual((1, ""), (done.status, done.stdout))
        self.assertIn("is a directory: name the Compose file in it", done.stderr)

    def test_deleted_directory(self) -> None:
        """A working directory that somebody deleted is said in one line, also where an option has a relative path."""
        gone = self.directory / "gone"
        gone.mkdir()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(gone)
        Path("../gone").rmdir()
        said = "the working directory was deleted, change to another one\n"
        done = self.run_line("-", stdin=WEB.encode())
        self.assertEqual(Outcome(1, "", f"daprdockrcmd: '.': {said}"), done)
        done = command_line(MemoryStore(), "services", "-state-dir", "x")
        self.assertEqual(Outcome(2, "", f"daprdockrcmd: 'x': {said}"), done)

    def test_many(self) -> None:
        """Later files are merged over earlier ones, and profiles may be given several times."""
        first = self.file(
            "compose.yaml", WEB + "  lab: {image: lab, profiles: [lab]}\n  x: {image: x, profiles: [x]}\n"
        )
        second = self.file("prod.yaml", "services: {web: {image: web:3}}")
        found = self.run_line(first, second, "-profile", "lab", "-profile=no, x", "-o", "json").json
        self.assertEqual(
            [("web", "web:3"), ("lab", "lab"), ("x", "x")], [(one["Name"], one["Container"]["Image"]) for one in found]
        )

    def test_stdin(self) -> None:
        """``-`` is stdin, whose relative paths begin here."""
        done = self.run_line("-", "-group", "g", stdin=b"services: {web: {image: web, env_file: no.env}}")
        self.assertEqual(1, done.status)
        self.assertIn("daprdockrcmd: stdin:1: services.web.env_file: there is no file", done.stderr)

    def test_wrong(self) -> None:
        """A file that cannot be read is one line, and nothing is printed."""
        name = self.file("compose.yaml", "services:\n  web:\n    image: web\n    imgae: x\n")
        done = self.run_line(name)
        self.assertEqual((1, "", 1), (done.status, done.stdout, done.stderr.count("\n")))
        self.assertIn("compose.yaml:4: services.web.imgae: is not a known key, did you mean image?", done.stderr)
        self.assertIn("there is no such file", self.run_line("no.yaml").stderr)
        self.assertEqual(2, self.run_line().status)
        self.assertIn("group name 'A_b' is not usable", self.run_line(name, "-group", "A_b").stderr)

    def test_files(self) -> None:
        """A directory is no file; one that is too large, or has no usable name, is an error."""
        self.assertEqual((None, None), (read_file(str(self.directory)), read_file(str(self.directory / "no" / "no"))))
        large = self.file("large", "x" * (MOST_BYTES + 1))
        self.assertIn("has more than", str(self.assertRaises(BadInput, read_file, large)))
        self.assertIn("no file has such a name", str(self.assertRaises(BadInput, read_file, "a\0b")))
        self.assertIn("File name too long", str(self.assertRaises(BadInput, read_file, "a" * 1000)))
