"""The one page of help, made from the declarations of commands and flags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import TextWrapper

from daprdockr.cli.command import ACTIONS, WORDS, load
from daprdockr.cli.flags import CHANGES, EVERYWHERE, OF_COMMANDS, REACH, Flag

_WIDTH = 100


def text() -> str:
    """Return the page, 100 columns at most."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    commands = [load(name) for name in WORDS]
    actions = [load(name) for name in ACTIONS if name != "stdin"]
    forms = [form for command in actions for form in command.usage]
    start = "Usage: "
    for form, line in (*forms, ("COMMAND", "see below")):
        yield f"{start}daprdockrcmd {form:<29} {line}"
        start = " " * len(start)
    yield from ("", "SERVICE is <service>.<group>, as in web.myapp.", "")
    yield "Flags, with one dash or two; -flag=value and -flag=false work too:"
    yield from _table((flag.usage, flag.about) for flag in (*CHANGES, *EVERYWHERE))
    yield from ("", "Commands:")
    yield from _table(form for command in commands for form in command.usage)
    yield from _table((flag.usage, about(flag)) for flag in OF_COMMANDS)
    yield from ("", "Reaching etcd:")
    yield from _table((flag.usage, flag.about) for flag in REACH)
    yield from ("", "Exit status: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 timed out.")


def takers(flag: Flag) -> list[str]:
    """Return the commands, of those that are words, that take a flag."""
    return [name for name in WORDS if flag.name in load(name).flags]


def about(flag: Flag) -> str:
    """Return one line about a flag, with the names of the commands that take it."""
    return flag.about.format(commands=listed(takers(flag)))


def _table(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, line in rows:
        start = f"  {term:<28} "
        page = TextWrapper(_WIDTH, start, " " * len(start), break_long_words=False, break_on_hyphens=False)
        yield from page.wrap(line)


def listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
