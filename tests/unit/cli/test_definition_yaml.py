"""Definitions as YAML."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.definition_yaml import written
from daprdockr.cli.yaml_documents import read_yaml
from daprdockr.model.wanted.definition import Definition
from tests.build.values import named

WORDS = [
    "no",
    "1e3",
    "0440",
    "0o17",
    "~",
    "",
    "22:22",
    "1_000",
    "a: b",
    "# c",
    "é",
    "x\ny\n",
    " two ",
    "*a",
    "null",
    "-1",
    "\t\n",
    "a\x85",
    "a\x85b\n",
]


class WrittenTests(SynchronousTestCase):
    """The printed text."""

    def test_texts_stay_texts(self) -> None:
        """Each text reads back as the same text, whatever it looks like."""
        one = named("web", Container={"Image": "web:1", "Cmd": WORDS})
        self.assertEqual([one.write()], read_yaml(written([one])))

    def test_documents(self) -> None:
        """Each definition is a document, in the order of the reference, and long texts are blocks."""
        text = written([named("web", Files=[{"Target": "/a", "Content": "b\nc\n"}]), named("db")])
        self.assertTrue(text.startswith("Name: web\nGroup: myapp\nInstances: 1\nContainer:\n"), text)
        self.assertIn("  Content: |\n    b\n    c\n---\nName: db\n", text)
        self.assertEqual(["web", "db"], [Definition.read(one).name.service for one in read_yaml(text)])
