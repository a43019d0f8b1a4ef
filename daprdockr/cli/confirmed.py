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
    console.stdout.write(printable(question))  # it may have names that a definition gave
    console.stdout.flush()
    if console.stdin.readline(64).strip() != b"yes":
        raise NotConfirmed("nothing was changed")
