"""The one page of help, and that of each command, made from the declarations of commands and flags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from textwrap import TextWrapper, wrap

from daprdockr.cli.command import ACTIONS, WORDS, load, spoken
from daprdockr.cli.examples import ACTION_EXAMPLES, EXAMPLES
from daprdockr.cli.flags import ALL, CHANGES, EVERYWHERE, OF_COMMANDS, REACH, Flag

WIDEST, NARROWEST = 100, 70
"""Columns of the help: as many as the terminal has, within these bounds."""

_TERMS, _FORMS = 31, 50
"""The columns in which the texts about terms and about forms of the command begin."""

_LINK = re.compile("`[^`]+ <([^>]+)>`__")
"""A link of the page on which the texts of the reference stand."""


def text(columns: int = 0) -> str:
    """Return the page. :param columns: those of the terminal; 0 if there is none."""
    return "\n".join(_lines(_width(columns))) + "\n"


def of_command(name: str, action: str = "", *, columns: int = 0) -> str:
    """Return the help of one command, one of ``WORDS``, or of one of its actions."""
    width = _width(columns)
    command = load(name)
    texts = command.reference or tuple(line for _, line in command.usage)
    forms = [(form, full) for (form, _), full in zip(command.usage, texts, strict=True)]
    only = [one for one in forms if action and spoken(one[0])[:2] == [name, action]]
    lines: list[str] = []
    for form, full in only or forms:
        plain = _LINK.sub(r"docs/reference/\1", f"{full[:1].upper()}{full[1:]}.").replace("``", "")
        lines += [f"Usage: daprdockrcmd {form}", "", *wrap(plain, width, break_on_hyphens=False), ""]
    taken = [flag for flag in ALL if flag.name in command.flags]
    if taken:
        lines += ["Flags:", *_table(((flag.usage, flag.about.format(commands=name)) for flag in taken), width), ""]
    example = ACTION_EXAMPLES[f"{name} {action}"] if only else EXAMPLES[name]
    lines += ["Example:", f"  daprdockrcmd {example}", ""]
    lines += [f"daprdockrcmd {name} -help lists all that {name} can do."] if only else []
    lines += ["daprdockrcmd -help lists all commands and flags."]
    return "\n".join(lines) + "\n"


def _width(columns: int) -> int:
    return min(max(columns, NARROWEST), WIDEST) if columns else WIDEST


def _lines(width: int) -> Iterator[str]:
    commands = [load(name) for name in WORDS]
    actions = [load(name) for name in ACTIONS if name != "stdin"]
    forms = [form for command in actions for form in command.usage]
    start = "Usage: "
    for form, line in (*forms, ("COMMAND", "see below")):
        yield from _entry(f"{start}daprdockrcmd {form}", _FORMS, line, width)
        start = " " * len(start)
    yield from ("", "SERVICE is <service>.<group>, as in web.myapp.", "")
    yield "Flags, with one dash or two; -flag=value and -flag=false work too:"
    yield from _table(((flag.usage, flag.about) for flag in (*CHANGES, *EVERYWHERE)), width)
    yield from ("", "Commands:")
    yield from _table((form for command in commands for form in command.usage), width)
    yield from _table(((flag.usage, about(flag)) for flag in OF_COMMANDS), width)
    yield from ("", "Reaching etcd:")
    yield from _table(((flag.usage, flag.about) for flag in REACH), width)
    status = "Exit status: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 timed out, 130 interrupted."
    yield from ("", *wrap(status, width))


def takers(flag: Flag) -> list[str]:
    """Return the commands, of those that are words, that take a flag."""
    return [name for name in WORDS if flag.name in load(name).flags]


def about(flag: Flag) -> str:
    """Return one line about a flag, with the names of the commands that take it."""
    return flag.about.format(commands=listed(takers(flag)))


def _table(rows: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    for term, line in rows:
        yield from _entry(f"  {term}", _TERMS, line, width)


def _entry(term: str, column: int, line: str, width: int) -> list[str]:
    """Return a term with what it does in a column behind it, or below where the term reaches into that column."""
    fits = len(term) < column
    begin, indent = f"{term:<{column}}" if fits else " " * column, " " * column
    page = TextWrapper(width, begin, indent, break_long_words=False, break_on_hyphens=False)
    return page.wrap(line) if fits else [term, *page.wrap(line)]


def listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
