"""The scripts of ``daprdockrcmd completion`` in the shells that they are for, with keys pressed on a terminal."""

from __future__ import annotations

import os
import shutil

from daprdockr.cli.command import ACTIONS, WORDS
from daprdockr.cli.completion import SHELLS
from daprdockr.cli.flags import ALL, EVERYWHERE, REACH, names
from tests.contracts import completion

EVERY = "\x1b*"
"""Alt-*: readline writes every completion there is into the line."""

PRINTS = "daprdockrcmd() { printf 'GOT<%s>\\n' \"$*\"; }"
"""In the place of the command line: says what the completed line came to."""


def missing(shell: str) -> str | None:
    """Why the tests of a shell are skipped; None to run them, which fails loudly where ``CI`` is set."""
    return None if os.environ.get("CI") or shutil.which(shell) else f"{shell} is not installed"


class BashTests(completion.CompletionContract):
    """bash with no library of completions."""

    skip = missing("bash")

    def setUp(self) -> None:
        self.start(["bash", "--norc", "--noprofile", "-i"], "bash", PRINTS)

    def every(self, line: str) -> set[str]:
        return set(self.completed(line, EVERY).split())

    def test_each_command(self) -> None:
        """An empty first word may become each command; after a command that takes no argument nothing is offered."""
        self.assertEqual(self.every(""), set(WORDS))
        self.assertEqual(self.every("completion "), {"completion", *SHELLS})
        self.assertEqual((self.every("completion bash "), self.every("nodes ")), ({"completion", "bash"}, {"nodes"}))

    def test_each_flag(self) -> None:
        """A dash may become each flag of the command, and where none was typed each flag there is."""
        everywhere = {f"-{name}" for name in names((*EVERYWHERE, *REACH))}
        self.assertEqual(self.every("drain -"), {"drain", "-wait", "-timeout", "-o", *everywhere})
        self.assertEqual(self.every("-"), {f"-{name}" for name in (*ACTIONS, *names(ALL))})
        self.assertEqual(self.every("-del -sv"), {"-del", "-svc"})

    def test_values_of_flags(self) -> None:
        """The values that a flag may have are offered, and nothing where it could be anything."""
        self.assertEqual(self.every("ps -o "), {"ps", "-o", "table", "json"})
        self.assertEqual(self.every("-set -image "), {"-set", "-image"})
        self.assertEqual(self.every("drain -wait=f"), {"drain", "-wait=f"})


class ZshTests(completion.CompletionContract):
    """zsh with its own completion system."""

    skip = missing("zsh")

    def setUp(self) -> None:
        self.start(["zsh", "-f", "-i"], "zsh", "autoload -Uz compinit && compinit -u -D", PRINTS)


class FishTests(completion.CompletionContract):
    """fish with no configuration of anybody's."""

    skip = missing("fish")

    def setUp(self) -> None:
        self.start(["fish", "--no-config", "-i"], "fish", "function daprdockrcmd; printf 'GOT<%s>\\n' \"$argv\"; end")
