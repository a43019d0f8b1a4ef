"""The one page of help, and that of each command."""

from __future__ import annotations

import re
import shlex

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli import manual
from daprdockr.cli.command import ACTIONS, WORDS, load
from daprdockr.cli.examples import ACTION_EXAMPLES, EXAMPLES
from daprdockr.cli.flags import ALL
from daprdockr.cli.parse import read_request
from tests.fakes.command_line import command_line
from tests.fakes.store import MemoryStore


def _has_form(name: str, action: str) -> bool:
    return any(form.startswith(f"{name} {action}") for form, _ in load(name).usage)


class ManualTests(SynchronousTestCase):
    """The page of help."""

    def test_complete(self) -> None:
        """It names every flag and every command."""
        page = manual.text()
        flags = [*ACTIONS, *(flag.name for flag in ALL)]
        missing = [name for name in flags if f"-{name} " not in page and f"-{name}]" not in page]
        self.assertEqual(missing, [])
        self.assertEqual([name for name in WORDS if f"\n  {name} " not in page], [])

    def test_width(self) -> None:
        """It has the width of the terminal, 100 columns at most, and for programs."""
        for columns, widest in ((0, 100), (72, 72), (80, 80), (300, 100), (20, 70)):
            pages = [manual.text(columns), *(manual.of_command(name, columns=columns) for name in WORDS)]
            wide = [line for page in pages for line in page.splitlines() if len(line) > widest]
            broken = [line for line in wide if " " in line.strip() and not line.startswith("  daprdockrcmd ")]
            self.assertEqual(broken, [], columns)

    def test_columns(self) -> None:
        """The texts of commands stand in one column, each below its command if that is too long to stand before it."""
        lines, long = manual.text(80).splitlines(), 0
        for form, about in (one for name in WORDS for one in load(name).usage):
            found = next(line for line in lines if line.startswith(f"  {form}"))
            if len(form) > 28:
                long += 1
                self.assertEqual(found, f"  {form}")
                found = lines[lines.index(found) + 1]
            self.assertTrue(found[31:].startswith(about.split()[0]), found)
            self.assertEqual(found[30], " ")
        self.assertGreater(long, 3)


class CommandTests(SynchronousTestCase):
    """The help of one command."""

    def test_each(self) -> None:
        """Each command has its forms, its own flags and an example there, within 100 columns, and without markup."""
        for name in WORDS:
            page = manual.of_command(name)
            self.assertNotRegex(page, "`|see below", name)
            command = load(name)
            self.assertEqual([form for form, _ in command.usage if f"Usage: daprdockrcmd {form}\n" not in page], [])
            self.assertEqual([flag for flag in command.flags if f"  -{flag}" not in page], [])
            self.assertLessEqual(max(map(len, page.splitlines())), 100)
            self.assertNotIn("``", page)

    def test_examples(self) -> None:
        """The example of a command is a command line of it that can be read."""
        self.assertEqual(set(EXAMPLES), set(WORDS))
        for name, line in EXAMPLES.items():
            self.assertEqual(read_request(shlex.split(re.split(" [<>] ", line)[0]), {}).command, name)

    def test_actions(self) -> None:
        """The help of an action has its form alone, with an example that can be read; all that have a form have one."""
        asked = {f"{name} {word}" for name in WORDS for word in load(name).choices if _has_form(name, word)}
        self.assertEqual(set(ACTION_EXAMPLES), asked)
        for words, line in ACTION_EXAMPLES.items():
            name, action = words.split()
            self.assertEqual(read_request(shlex.split(re.split(" [<>] ", line)[0]), {}).words[:1], (action,))
            page = command_line(MemoryStore(), name, action, "x", "--help").stdout
            self.assertEqual(re.findall("Usage: daprdockrcmd ([^ ]+ [^ \n]+)", page), [words])
            self.assertIn(f"Example:\n  daprdockrcmd {words}", page)
            self.assertIn(f"daprdockrcmd {name} -help lists all that", page)
        self.assertEqual(manual.of_command("completion", "bash"), manual.of_command("completion"))

    def test_asked(self) -> None:
        """A command with -h, -help or behind help prints its own help; an action, and nothing, the one page."""
        for line in ("ps -h", "help ps", "-help ps", "ps web.myapp --help"):
            self.assertEqual(command_line(MemoryStore(), *line.split()).stdout, manual.of_command("ps"), line)
        for line in ("-h", "help", "-set -h", "help set"):
            self.assertEqual(command_line(MemoryStore(), *line.split()).stdout, manual.text(), line)
