"""``completion``: a script for each shell, made from the declarations."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.command import ACTIONS, WORDS
from daprdockr.cli.commands.names import KINDS, OWNERS
from daprdockr.cli.completion import SHELLS, script
from daprdockr.cli.completion_forms import forms
from daprdockr.cli.flags import ALL, OF_COMMANDS, REACH
from daprdockr.cli.local_agent import PATIENCE
from daprdockr.cli.parse import read_request
from daprdockr.model.errors import BadInput
from tests.fakes.command_line import LentStore, Outcome, command_line


class ScriptTests(SynchronousTestCase):
    """The printed script. How shells take it is tested with them, in ``tests/functional/test_completion.py``."""

    def test_printed(self) -> None:
        """The script goes to stdout, and no etcd is asked."""
        store = LentStore()
        for shell in SHELLS:
            self.assertEqual(command_line(store, "completion", shell), Outcome(0, script(shell), ""))
        self.assertEqual(store.calls, [])

    def test_complete(self) -> None:
        """It has each command and each flag, and nothing is left of the places where they were put in."""
        for shell in SHELLS:
            told = set(script(shell).replace("|", " ").replace('"', " ").replace("(", " ").replace(")", " ").split())
            self.assertEqual({*WORDS, *ACTIONS, *(flag.name for flag in ALL)} - told, set(), shell)
            self.assertNotRegex(script(shell), r"@[A-Z]+@")

    def test_patience(self) -> None:
        """Each script waits longer for names than a command does for the agent of its machine, which then asks etcd."""
        for shell in SHELLS:
            (seconds,) = re.findall("timeout ([^ ]+) daprdockrcmd names", script(shell))
            self.assertGreater(float(seconds), PATIENCE, shell)

    def test_refused(self) -> None:
        """Another shell, none, or two are one line that says what to write."""
        for line, part in {
            "": "bash, zsh or fish",
            "tcsh": "'tcsh'",
            "bash zsh": "'zsh'",
            "bash -o json": "-o",
        }.items():
            self.assertIn(part, str(self.assertRaises(BadInput, read_request, ["completion", *line.split()], {})))


class FormTests(SynchronousTestCase):
    """The flags and words that can stand in each place."""

    def test_flags(self) -> None:
        """A command has its own flags and those that reach etcd, and no flag of another command."""
        taken = {form.typed: {flag.name for flag in form.flags} for form in forms()}
        everywhere = {"v", "help", "version", *(flag.name for flag in REACH)}
        self.assertEqual(taken["drain"], {"wait", "timeout", "o"} | everywhere)
        self.assertEqual(
            taken["-set"] - everywhere, {"svc", "o", "stdin", "image", "instances", "cmd", "http-host", "http-port"}
        )
        self.assertEqual(taken["-ip"], {"o"} | everywhere)

    def test_lines(self) -> None:
        """Each has the line of the help that is its own."""
        lines = {form.typed: form.about for form in forms()}
        self.assertEqual(lines["-stdin"], "store the definition read from stdin")
        self.assertEqual(lines["-get"], "print a definition, or a list of all")
        self.assertEqual(lines["ps"], "instances: where they are and how they are")

    def test_words(self) -> None:
        """Behind ``completion`` there are the shells, behind ``secret`` and others what they can do."""
        words = {
            "completion": SHELLS,
            "secret": ("key", "set", "ls", "rm", "rotate-key"),
            "file": ("set", "get", "ls", "rm"),
            "job": ("ls", "run", "history", "logs"),
            "volume": ("ls", "backup", "restore", "move"),
            "certificates": ("add", "rm"),
            "invite": ("ls", "rm"),
            "names": ("services", "instances", "nodes", "jobs", "secrets", "files", "certificates", "groups"),
        }
        self.assertEqual({form.typed: form.words for form in forms() if form.words}, words)

    def test_kinds(self) -> None:
        """Where a command takes a service, an instance or a node, their names are asked for."""
        kinds = {form.typed: form.kinds for form in forms()}
        self.assertEqual([kinds[one] for one in ("ps", "scale", "drain")], [("services",)] * 2 + [("nodes",)])
        self.assertEqual([kinds[one] for one in ("why", "exec")], [("instances", "services"), ("instances",)])
        self.assertEqual([kinds[one] for one in ("secret", "apply", "join", "-set")], [()] * 4)

    def test_behind(self) -> None:
        """Behind an action, as in ``secret rm``, the names of a known kind are asked for."""
        behind = {form.typed: dict(form.behind) for form in forms() if form.behind}
        self.assertEqual(behind["secret"], {"secret set": "secrets", "secret rm": "secrets"})
        self.assertEqual(set(behind), {"secret", "file", "job", "certificates", "volume"})
        self.assertEqual({kind for one in behind.values() for kind in one.values()} - set(KINDS), set())

    def test_behind_a_name(self) -> None:
        """Behind a name, as in ``volume backup 1.db.myapp``, the names of what belongs to it are asked for."""
        found = {words: kind for form in forms() for words, kind in form.of_name.items()}
        expected = {"volume backup": "volumes", "volume restore": "volumes", "volume move": "nodes"}
        self.assertEqual(found, {**expected, "job logs": "runs", "rollback": "revisions"})
        self.assertEqual(set(found.values()) - {*KINDS, *OWNERS}, set())

    def test_no_placeholder(self) -> None:
        """A flag of several commands names them, and not the place where their names are put."""
        self.assertTrue(any("{commands}" in flag.about for flag in OF_COMMANDS))
        self.assertNotIn("{commands}", script("zsh") + script("fish"))
