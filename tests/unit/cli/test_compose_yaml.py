"""A Compose file as values with their places."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.compose_yaml import MOST_BYTES, read_compose
from daprdockr.compose.tree import LinePlace, Override, PlacedMap, Reset
from daprdockr.model.errors import BadInput

TEXT = b"""\
x-a: &a
  image: web
  user: me
services:
  web:
    <<: *a
    user: you
    mode: 0440
    word: no
    time: 22:22
    ports: !override
      - "80:80"
    name: !override x
    table: !override {a: b}
    gone: !reset null
  two: {<<: [*a, {tty: true}]}
"""


class ComposeYamlTests(SynchronousTestCase):
    """The values of one file."""

    def test_values(self) -> None:
        """Words stay words, permissions as they are written, and merge keys and tags are understood."""
        services = read_compose(TEXT, "f.yaml")["services"]
        assert isinstance(services, PlacedMap)
        web = services["web"]
        assert isinstance(web, PlacedMap)
        self.assertEqual(("web", "you", "0440", "no"), tuple(web[key] for key in ("image", "user", "mode", "word")))
        self.assertEqual("22:22", web["time"])
        self.assertEqual(
            [Override(["80:80"]), Override("x"), Override({"a": "b"})], [web[k] for k in ("ports", "name", "table")]
        )
        self.assertIsInstance(web["gone"], Reset)
        self.assertEqual({"image": "web", "user": "me", "tty": True}, services["two"])

    def test_places(self) -> None:
        """A key has the line where it stands; one of a merge key the one where that has it."""
        services = read_compose(TEXT, "f.yaml")["services"]
        assert isinstance(services, PlacedMap)
        web, two = services["web"], services["two"]
        assert isinstance(web, PlacedMap) and isinstance(two, PlacedMap)
        self.assertEqual(
            [LinePlace("f.yaml", line) for line in (5, 2, 7)], [services.at("web"), web.at("image"), web.at("user")]
        )
        self.assertEqual([LinePlace("f.yaml", line) for line in (2, 16)], [two.at("image"), two.at("tty")])
        self.assertEqual("f.yaml:5", str(services.at("web")))

    def test_wrong(self) -> None:
        """An error has file and place."""
        cases = {
            b"a: [": "f.yaml: not YAML: ",
            b"a: \xff": "f.yaml: not YAML: byte 3 is not UTF-8",
            b"- a": "f.yaml: it is no Compose file",
            b"a: 1\n---\nb: 2": "f.yaml: it is no Compose file",
            b"": "f.yaml: it is no Compose file",
            b"a: 1\na: 2": "f.yaml: key 'a' is given twice (line 2, column 1)",
            b"a: !foo b": "f.yaml: the tag !foo means nothing in a Compose file (line 1, column 4)",
            b"? [a]\n: b": "f.yaml: a key has to be text",
            b" " * (MOST_BYTES + 1): "f.yaml: it has more than",
        }
        for data, expected in cases.items():
            self.assertIn(expected, str(self.assertRaises(BadInput, read_compose, data, "f.yaml")))

    def test_aliases_are_bounded(self) -> None:
        """Aliases that stand for more than can be read are refused at once."""
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
        error = self.assertRaises(BadInput, read_compose, "\n".join(lines).encode(), "f.yaml")
        self.assertIn("stands for more than 200000 values", str(error))
