"""The one page of help, made from the declarations of commands and flags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import TextWrapper

from daprdockr.cli.command import ACTIONS, WORDS, load
from daprdockr.cli.flags import CHANGES, EVERYWHERE, OF_COMMANDS, REACH

_WIDTH = 100


def text() -> str:
    """The page, 100 columns at most."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    commands = [load(name) for name in WORDS]
    actions = [load(name) for name in ACTIONS if name != "stdin"]
    forms = [form for command in actions for form in command.usage]
    start = "Usage: "
    for form, about in (*forms, ("COMMAND", "see below")):
        yield f"{start}daprdockrcmd {form:<29} {about}"
        start = " " * len(start)
    yield from ("", "SERVICE is <service>.<group>, as in web.myapp.", "")
    yield "Flags, with one dash or two; -flag=value and -flag=false work too:"
    yield from _table((flag.usage, flag.about) for flag in (*CHANGES, *EVERYWHERE))
    yield from ("", "Commands:")
    yield from _table(form for command in commands for form in command.usage)
    takers = {flag.name: [command.name for command in commands if flag.name in command.flags] for flag in OF_COMMANDS}
    yield from _table((flag.usage, flag.about.format(commands=_listed(takers[flag.name]))) for flag in OF_COMMANDS)
    yield from ("", "Reaching etcd:")
    yield from _table((flag.usage, flag.about) for flag in REACH)
    yield from ("", "Exit status: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 timed out.")


def _table(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, about in rows:
        line = f"  {term:<25} "
        page = TextWrapper(_WIDTH, line, " " * len(line), break_long_words=False, break_on_hyphens=False)
        yield from page.wrap(about)


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
