# -*- test-case-name: tests.unit.cli.commands.test_secret -*-
"""A value that a person gives in a file or on stdin, byte by byte, and never as an argument, which others can see."""

from __future__ import annotations

from pathlib import Path

from daprdockr.cli.console import Console
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

STDIN = "-"


def read_value(name: str, console: Console, most: int) -> bytes:
    """
    Return the content of a file, or of stdin.

    :raises BadInput: it cannot be read, is empty, or has more than ``most`` bytes.
    """
    try:
        if name == STDIN:
            if console.stdin.isatty():
                raise BadInput("a terminal would show the value: name a file, or give the value on stdin")
            value = console.stdin.read(most + 1)
        else:
            with Path(name).open("rb") as file:
                value = file.read(most + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file has such a name"
        raise BadInput(f"the file {shorten(name)} cannot be read: {reason}") from None
    if not value:
        raise BadInput("the value is empty: give it on stdin, or name a file that has it")
    if len(value) > most:
        raise BadInput(f"the value is larger than {most // 1024} KiB: make it smaller")
    return value
