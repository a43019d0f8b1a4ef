"""Definitions in files: JSON and YAML, many in one, directories, and bad input with its place."""

from __future__ import annotations

import io
import json
import os
import socket
from importlib.util import find_spec
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.documents import MAX_TEXT, MOST_DEFINITIONS, read_definitions
from daprdockr.cli.yaml_documents import MOST_VALUES, read_yaml
from daprdockr.model.errors import BadInput
from daprdockr.model.wanted.definition import Definition

NO_YAML = None if find_spec("yaml") else "PyYAML is not installed here: make venv"

WEB = {"Name": "web", "Group": "myapp", "Container": {"Image": "web:1"}}
DB = {"Name": "db", "Group": "myapp", "Container": {"Image": "db:1"}}
YAML = """\
# a comment
Name: web
Group: myapp
Instances: 2
Container:
  Image: web:1
  Cmd: [run, --port, "8080"]
  Env: [DEBUG=no]
Http:
  HostName: demo.test
  ContainerPort: 8080
"""


class FilesCase(SynchronousTestCase):
    """A directory of files."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def file(self, name: str, content: object) -> str:
        path = self.directory / name
        data = content if isinstance(content, bytes) else str(content).encode()
        path.write_bytes(json.dumps(content).encode() if isinstance(content, dict | list) else data)
        return str(path)

    def names(self, *files: str, stdin: bytes = b"") -> list[str]:
        given, wrong = read_definitions(files, io.BytesIO(stdin))
        self.assertEqual(wrong, [])
        return [str(one.definition.name) for one in given]

    def wrong(self, *files: str, stdin: bytes = b"") -> str:
        try:
            return "\n".join(map(str, read_definitions(files, io.BytesIO(stdin))[1]))
        except BadInput as error:
            return str(error)


class JsonTests(FilesCase):
    """JSON needs no YAML parser, and nothing of it is imported."""

    def test_forms(self) -> None:
        """A file holds one definition, or a list; stdin is read where - stands; several files come together."""
        self.assertEqual(self.names(self.file("a.json", WEB)), ["web.myapp"])
        self.assertEqual(self.names(self.file("a.json", [WEB, DB])), ["web.myapp", "db.myapp"])
        self.assertEqual(self.names(self.file("a.json", WEB), "-", stdin=json.dumps(DB).encode())[1], "db.myapp")

    def test_directory(self) -> None:
        """Files of a directory come by name; others, hidden ones and directories below it are left out."""
        self.file("b.json", WEB)
        self.file("a.json", DB)
        self.file("C.JSON", {**WEB, "Name": "c"})
        self.file("c.txt", "no definition")
        self.file(".d.json", "no definition")
        (self.directory / "e").mkdir()
        self.assertEqual(self.names(str(self.directory)), ["c.myapp", "db.myapp", "web.myapp"])

    def test_blank(self) -> None:
        """A file that is blank among others is refused: what wrote it has failed, and -prune would delete its part."""
        one = self.file("a.json", WEB)
        for text in (b"\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"):  # with the mark of editors of Windows, too
            blank = self.file("b.yaml", text)
            self.assertEqual(self.wrong(one, blank).partition(": ")[0], f"{blank} is empty")
        self.assertIn("stdin is empty", self.wrong(one, "-"))

    def test_mark(self) -> None:
        """A byte order mark is not part of the text; suffixes of names may be in upper case."""
        for name in ("a.json", "b.JSON"):
            self.assertEqual(self.names(self.file(name, b"\xef\xbb\xbf" + json.dumps(WEB).encode())), ["web.myapp"])

    def test_places(self) -> None:
        """An error has its place; one bad definition keeps none of the others from being checked."""
        bad = {"Name": "x", "Group": "myapp", "Container": {"Image": "x:1"}, "Instanzes": 1}
        path = self.file("a.json", [WEB, bad, {**bad, "Container": 3}])
        lines = self.wrong(path).splitlines()
        self.assertEqual([line.partition(": ")[0] for line in lines], [f"{path}[2]", f"{path}[3]"])
        self.assertIn("Instanzes is not a known key, did you mean Instances?", lines[0])

    def test_twice(self) -> None:
        """A service that is defined twice is refused with both places."""
        first, second = self.file("a.json", WEB), self.file("b.json", WEB)
        self.assertEqual(self.wrong(first, second), f"{second}: web.myapp is defined in {first} already: leave one out")

    def test_unreadable(self) -> None:
        """Files that are absent, empty, too large or no JSON are refused with one line."""
        empty = self.directory / "empty"
        empty.mkdir()
        for name, part in (
            (str(self.directory / "none.json"), "cannot be read: No such file"),
            (str(empty), "there is no definition in"),
            ("\0", "cannot be read"),
            (self.file("blank.yaml", " \n"), "blank.yaml is empty: write a definition, or a comment if it"),
            (self.file("large.json", b" " * (MAX_TEXT + 1)), "bytes: divide it"),
            (self.file("bad.json", b"{"), "bad.json: not JSON"),
        ):
            self.assertIn(part, self.wrong(name))
            self.assertNotIn("\n", self.wrong(name))

    def test_no_file(self) -> None:
        """A directory with a pipe, a socket or a directory named like a file is refused; none of these is opened."""
        self.file("b.json", WEB)
        odd = self.directory / "a.json"
        with socket.socket(socket.AF_UNIX) as listener:
            for plant in (os.mkfifo, Path.mkdir, lambda path: listener.bind(str(path))):
                plant(odd)
                # The whole path stands there: a long one that is cut names none of the files.
                self.assertEqual(self.wrong(str(self.directory)), f"{odd} is no file: move it out of the directory")
                odd.rmdir() if odd.is_dir() else odd.unlink()

    def test_too_many(self) -> None:
        """More definitions than are read at once are refused."""
        many = [{**WEB, "Name": f"w{number}"} for number in range(MOST_DEFINITIONS + 1)]
        self.assertIn("apply them in parts", self.wrong("-", stdin=json.dumps(many).encode()))


class YamlTests(FilesCase):
    """YAML stands for JSON."""

    skip = NO_YAML

    def test_definition(self) -> None:
        """A file of YAML defines the same as the JSON that it stands for."""
        (one,), wrong = read_definitions([self.file("web.yaml", YAML)], io.BytesIO())
        self.assertEqual(wrong, [])
        container = {"Image": "web:1", "Cmd": ["run", "--port", "8080"], "Env": ["DEBUG=no"]}
        http = {"HostName": "demo.test", "ContainerPort": 8080}
        self.assertEqual(one.definition, Definition.read({**WEB, "Instances": 2, "Container": container, "Http": http}))

    def test_documents(self) -> None:
        """Documents are divided by ---, whether they are YAML, JSON or lists; empty ones are nothing."""
        text = f"---\n{YAML}---\n{json.dumps(DB)}\n---\n# nothing\n---\n- {json.dumps({**DB, 'Name': 'x'})}\n"
        self.assertEqual(self.names("-", stdin=text.encode()), ["web.myapp", "db.myapp", "x.myapp"])

    def test_mark(self) -> None:
        """A Compose file with a tag that Compose alone has is known as such behind the mark of editors of Windows."""
        other = self.file("c.yaml", b"\xef\xbb\xbfservices:\n  web: !reset null\n")
        given, _ = read_definitions([other], io.BytesIO(), lambda place, data: [WEB])
        self.assertEqual([str(one.definition.name) for one in given], ["web.myapp"])

    def test_braces(self) -> None:
        """A file of YAML may have its mappings and lists in braces and brackets; JSON in it is read as such."""
        text = "{Name: web, Group: myapp, Container: {Image: web:1}}"
        self.assertEqual(self.names(self.file("a.yaml", text)), ["web.myapp"])
        self.assertEqual(self.names(self.file("a.yml", f"[{text}]")), ["web.myapp"])
        self.assertEqual(self.names(self.file("b.yaml", [WEB, DB])), ["web.myapp", "db.myapp"])
        self.assertIn("not JSON: ", self.wrong("-", stdin=text.encode()))
        self.assertIn("not YAML: ", self.wrong(self.file("c.yaml", "{Name: web")))

    def test_values(self) -> None:
        """A plain word is read as JSON would; no, 22:30 and dates, of which YAML 1.1 made other values, are text."""
        for text, value in (
            ("no", "no"),
            ("22:30", "22:30"),
            ("2026-11-28", "2026-11-28"),
            ("true", True),
            ("~", None),
            ("-3", -3),
            ("0x10", "0x10"),
            ("1.5e3", 1500.0),
            (".inf", ".inf"),
            ('"5"', "5"),
            ("!!str 5", "5"),
            ("|\n  a\n  b", "a\nb"),
        ):
            self.assertEqual(read_yaml(f"a: {text}"), [{"a": value}], text)

    def test_anchors(self) -> None:
        """Anchors and merge keys work; own keys come before merged ones, and the first of a list before others."""
        text = "base: &b {x: 1, y: 2}\nother: &o {x: 3, z: 4}\none: {<<: [*b, *o], y: 5}\n"
        made = {"base": {"x": 1, "y": 2}, "other": {"x": 3, "z": 4}, "one": {"x": 1, "y": 5, "z": 4}}
        self.assertEqual(read_yaml(text), [made])

    def test_refused(self) -> None:
        """Wrong YAML is refused with one line and a place; nothing of it is ever an object of Python."""
        for text, part in (
            ("a: b: c", "mapping values are not allowed"),
            ("a: [1", "not YAML: "),
            ("a:\n  \u00e9: 1\nb:\n\tc: 1", "at line 4, column 1: indent with spaces, not with a tab"),
            ("a: 1\na: 2", "key 'a' is given twice (line 2, column 1)"),
            ("a: !!python/object/apply:os.system [ls]", "means nothing in a definition"),
            ("a: !own 3", "the tag '!own' means nothing"),
            ("? [1]\n: 2", "a key has to be text"),
            ("<<: 3", "<< takes an object"),
            ("a: &x [*x]", "nested deeper"),
            ("a: " + "[" * 5000, "nesting"),
            ("a: " + "9" * 5000, "digits"),
            ("a: \0", "not YAML"),
        ):
            error = str(self.assertRaises(BadInput, read_yaml, text))
            self.assertIn(part, error)
            self.assertNotIn("\n", error)

    def test_bombs(self) -> None:
        """Aliases of aliases are not multiplied beyond a bound."""
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
        error = self.assertRaises(BadInput, read_yaml, "\n".join(lines))
        self.assertIn(str(MOST_VALUES), str(error))
