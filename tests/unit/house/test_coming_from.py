"""The page for people who come from Compose, Swarm or Nomad names keys, options and commands that there are."""

from __future__ import annotations

from docutils import nodes
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.arguments.agent_parameters import FLAGS, PARAMETERS
from daprdockr.cli.command import ACTIONS, WORDS
from daprdockr.cli.parse import read_request
from daprdockr.model.wanted.engine_fields import CONFIG_FIELDS, HOST_FIELDS
from tests.unit.house.keys import OPTIONAL_PARTS, known_keys
from tests.unit.house.pages import GUIDE, literals, section

(PAGE,) = (page for page in GUIDE if page.name == "coming-from.rst")
KEYS = {key for part in ("", *OPTIONAL_PARTS) for key in known_keys(part)}
FIELDS = {f"Container.{name}" for name in (*CONFIG_FIELDS, *HOST_FIELDS, "NanoCpus")}
OPTIONS = {f"--{name}" for name in (*(row.name for row in PARAMETERS), *FLAGS)}
LAST = 3
"""The column of ours in both tables."""


def ours(title: str) -> list[str]:
    """The literals in the last column of a table."""
    (body,) = section(PAGE, title).findall(nodes.tbody)
    cells = [row.children[LAST] for row in body.findall(nodes.row)]
    return [text for cell in cells if isinstance(cell, nodes.Element) for text in literals(cell)]


class ComingFromTests(SynchronousTestCase):
    """Its tables, and the list of what is missing."""

    def test_concepts(self) -> None:
        """Each name in our column is a key of a definition, or of an instance."""
        named = [text for text in ours("Concepts") if text != "1.web.myapp"]
        self.assertEqual([text for text in named if text not in KEYS | FIELDS], [])
        self.assertGreater(len(set(named)), 20)

    def test_commands(self) -> None:
        """Each command in our column exists, and no common one is left out."""
        named = [text.split() for text in ours("Commands")]
        self.assertEqual([words for words in named if words[0] != "daprdockrcmd"], [])
        words = {words[1].removeprefix("-") for words in named}
        self.assertEqual(words - {*WORDS, *ACTIONS}, set())
        common = {"apply", "plan", "status", "ps", "why", "logs", "exec", "scale", "rollback", "drain", "backup", "del"}
        self.assertEqual(common - words, set())

    def test_missing(self) -> None:
        """Each substitute in the list of missing things exists."""
        substitutes = literals(section(PAGE, "What you will miss"))
        self.assertGreater(len(substitutes), 5)
        for text in substitutes:
            if text.startswith("daprdockrcmd "):
                read_request(text.split()[1:], {})
            elif text != "${TAG}":
                self.assertIn(text, KEYS | OPTIONS)
