# -*- test-case-name: tests.unit.cli.commands.test_secret,tests.unit.cli.commands.test_pause -*-
"""
Pages and values that a person gives in a file or on stdin, byte by byte. A value never is an argument, which others can
see.
"""

from __future__ import annotations

from contextlib import suppress
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
    with suppress(OSError, ValueError):  # a closed stdin, which cannot be read either
        if name == STDIN and console.stdin.isatty():
            raise BadInput("a terminal would show the value: name a file, or give the value on stdin")
    value = read_given(name, console, most, file="file", content="value")
    if not value:
        raise BadInput("the value is empty: give it on stdin, or name a file that has it")
    return value


def read_given(name: str, console: Console, most: int, *, file: str, content: str) -> bytes:
    """
    Return the content of a file, or of stdin.

    :param file: what the file is called in an error, and ``content`` what is in it.
    :raises BadInput: it cannot be read, or has more than ``most`` bytes.
    """
    try:
        if name == STDIN:
            given = console.stdin.read(most + 1)
        else:
            with Path(name).open("rb") as opened:
                given = opened.read(most + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file has such a name"
        raise BadInput(f"the {file} {shorten(name)} cannot be read: {reason}") from None
    if len(given) > most:
        raise BadInput(f"the {content} is larger than {most // 1024} KiB: make it smaller")
    return given
