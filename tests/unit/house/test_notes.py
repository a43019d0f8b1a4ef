"""The titled notes at the top of modules: indexed in the architecture, and found by everybody who refers to one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.house.pages import DESIGN, rows
from tests.unit.house.sources import CHECKOUT, Source, sources

A_NOTE = re.compile(r"^Note \[(.+?)\]$", re.MULTILINE)
A_REFERENCE = re.compile(r"Note \[([^]]+)\](?=(?:,? and Note \[[^]]+\])*(?: in ``([\w.]+)``)?)")
"""The title of a note, and the module that is named behind it, or behind all of several notes."""


def titles(source: Source) -> list[str]:
    """The notes that a module has."""
    return A_NOTE.findall(ast.get_docstring(source.tree) or "")


def references(source: Source) -> Iterator[tuple[str, str]]:
    """The notes to which a module refers, each with the module that it names: "" for none."""
    yield from A_REFERENCE.findall(re.sub(r"\n *(?:# )?", " ", source.text))


class NotesTests(SynchronousTestCase):
    def setUp(self) -> None:
        index = rows(DESIGN / "architecture.rst", "Where each race is explained")
        self.indexed = {title: module for title, module in index}

    def test_indexed(self) -> None:
        """The index of notes has every note of the package, at its module, and no other."""
        there = {
            title: str(source.path.relative_to(CHECKOUT)) for source in sources("daprdockr") for title in titles(source)
        }
        self.assertEqual(there, self.indexed)

    def test_there(self) -> None:
        """Each note to which a module refers is one of these."""
        for source in sources("daprdockr"):
            lost = [title for title, _ in references(source) if title not in self.indexed]
            self.assertEqual([], lost, source.name)

    def test_found(self) -> None:
        """A reference to a note of another module names that module."""
        for source in sources("daprdockr"):
            own = titles(source)
            for title, named in references(source):
                module = "." + self.indexed[title].removesuffix(".py").replace("/", ".")
                found = title in own or (named and module.endswith(f".{named}"))
                self.assertTrue(found, f"{source.name}: Note [{title}] is in {module}")
