# -*- test-case-name: tests.unit.cli.test_confirmed,tests.unit.cli.commands.test_recover -*-
"""The decision of a person, at a terminal or by ``-yes``."""

from __future__ import annotations

from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.model.errors import DaprdockrError
from daprdockr.model.names import printable


class NotConfirmed(DaprdockrError):
    """Nobody confirmed the decision."""


def confirm(request: Request, console: Console, question: str, otherwise: str) -> None:
    """
    Ask, unless ``-yes`` answers. Without a terminal nobody is asked.

    :param otherwise: what to do where there is no terminal.
    :raises NotConfirmed: nothing is to be changed.
    """
    if request.yes:
        return
    if request.json or not console.stdin.isatty():
        raise NotConfirmed(f"nothing was changed: {otherwise}")
    console.stdout.flush()
    console.stderr.write(printable(question))  # it may have names that a definition gave; stdout may be a file
    console.stderr.flush()
    answer = console.stdin.readline(64)
    if not answer.endswith(b"\n"):
        print(file=console.stderr)
    if answer.strip() != b"yes":
        raise NotConfirmed("nothing was changed")
