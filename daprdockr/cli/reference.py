"""
The table of commands and flags in ``docs/reference/command-line.rst``, made from the declarations.

``python -m daprdockr.cli.reference docs/reference/command-line.rst`` replaces the table there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import wrap

from daprdockr.cli.command import ACTIONS, WORDS, load, spoken
from daprdockr.cli.flags import CHANGES, EVERYWHERE, OF_COMMANDS, REACH, SERVICE, Flag
from daprdockr.cli.manual import listed, takers

_WIDTH = 120
_GAP = "  "
_TABLE = re.compile(r"^=+ +=+\nflag or command .*?\n=+ +=+\n.*?\n=+ +=+\n", re.MULTILINE | re.DOTALL)


def table() -> str:
    """Return a simple table of reStructuredText."""
    rows = [("flag or command", "what it does"), *_rows()]
    left = max(len(first) for first, _ in rows)
    ruler = f"{'=' * left}{_GAP}{'=' * (_WIDTH - left - len(_GAP))}\n"
    head, *body = ["".join(_lines(row, left)) for row in rows]
    return f"{ruler}{head}{ruler}{''.join(body)}{ruler}"


def _rows() -> Iterator[tuple[str, str]]:
    for name in ACTIONS:
        (about,) = (about for form, about in _forms(name) if f"-{name}" in spoken(form))
        yield f"``-{name}``", about
    yield from map(_flag_row, (SERVICE, *CHANGES, *EVERYWHERE))
    for name in WORDS:
        yield from ((f"``{form}``", about) for form, about in _forms(name))
    yield from map(_flag_row, (*OF_COMMANDS, *REACH))


def _forms(name: str) -> list[tuple[str, str]]:
    command = load(name)
    texts = command.reference or tuple(line for _, line in command.usage)
    return [(form, about) for (form, _), about in zip(command.usage, texts, strict=True)]


def _flag_row(flag: Flag) -> tuple[str, str]:
    commands = listed([f"``{name}``" for name in takers(flag)])
    return f"``-{flag.name}``", (flag.reference or flag.about).format(commands=commands)


def _lines(row: Iterable[str], left: int) -> Iterator[str]:
    first, second = row
    for line in wrap(second, _WIDTH - left - len(_GAP), break_long_words=False, break_on_hyphens=False):
        yield f"{first:<{left}}{_GAP}{line}\n"
        first = ""


def renewed(page: str) -> str:
    """Return the page with a new table in place of its present one."""
    return _TABLE.sub(lambda _: table(), page)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
