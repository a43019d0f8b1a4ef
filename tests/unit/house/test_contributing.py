"""Statements of CONTRIBUTING for somebody who changes the code: files and names are there, times are stated once."""

from __future__ import annotations

import re

from docutils import nodes
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.house.pages import CONTRIBUTING, README, rows, section
from tests.unit.house.sources import CHECKOUT, defines

CHECKLISTS = ("field", "option", "command", "step", "key", "room", "signal")
A_TARGET = re.compile(r"^([a-z-]+): .*?## (.*)$", re.MULTILINE)
A_TIME = re.compile(r"\w+ minutes?(?: and a half)?")
FOR_ALL_TESTS = re.compile(r"make test .*?(\w+ minutes)")


class ChecklistTests(SynchronousTestCase):
    """The checklists of CONTRIBUTING: what is to be changed to add one thing or another."""

    def test_files_and_names(self) -> None:
        """Each file is there, and defines the name that stands beside it."""
        lists = list(section(CONTRIBUTING, "Checklists").findall(nodes.tbody))
        self.assertEqual(len(CHECKLISTS), len(lists))
        rows = [[cell.astext() for cell in row.children[:2]] for body in lists for row in body.children]
        self.assertEqual([], [file for file, _ in rows if not (CHECKOUT / file).is_file()])
        self.assertEqual([], [row for row in rows if row[1] and not defines(CHECKOUT / row[0], row[1])])

    def test_complete(self) -> None:
        """There is one for each thing that is added now and then."""
        parts = section(CONTRIBUTING, "Checklists").findall(nodes.section)
        titles = [part[0].astext().lower() for part in parts]
        self.assertEqual([], [thing for thing in CHECKLISTS if not any(thing in title for title in titles)])


class TargetTests(SynchronousTestCase):
    """The targets of make that CONTRIBUTING describes."""

    def setUp(self) -> None:
        self.targets = dict(A_TARGET.findall((CHECKOUT / "Makefile").read_text(encoding="utf-8")))

    def test_exist(self) -> None:
        """Each target in its table is one of the Makefile."""
        named = {row[0].split()[1] for row in rows(CONTRIBUTING, "Setting up")}
        self.assertEqual(set(), named - set(self.targets))

    def test_times(self) -> None:
        """A stage takes as long as make says, and all of them take as long as README says."""
        for command, text in rows(CONTRIBUTING, "Setting up"):
            self.assertEqual(A_TIME.findall(self.targets[command.split()[1]]), A_TIME.findall(text), command)
        stated = {FOR_ALL_TESTS.findall(page.read_text(encoding="utf-8"))[0] for page in (README, CONTRIBUTING)}
        self.assertEqual(1, len(stated), stated)
