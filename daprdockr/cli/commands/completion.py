# -*- test-case-name: tests.unit.cli.test_completion,tests.functional.test_completion -*-
"""``completion``: the script that a shell reads to complete command lines."""

from __future__ import annotations

from daprdockr.cli.command import Command
from daprdockr.cli.completion import SHELLS, script
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request


def completion(request: Request, console: Console) -> None:
    console.stdout.write(script(request.shell))


COMMAND = Command(
    name="completion",
    usage=(("completion SHELL", "print the completion script for bash, zsh or fish"),),
    offline=completion,
    word="SHELL",
    choices=SHELLS,
    reference=("print the completion script for ``bash``, ``zsh`` or ``fish``, which the shell loads at its start",),
)
