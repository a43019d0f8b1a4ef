# -*- test-case-name: tests.unit.cli.test_completion -*-
"""The words and flags that can stand in each place of a command line, as the scripts of all shells need them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from attrs import frozen

from daprdockr.cli.command import ACTIONS, WORDS, load, spoken
from daprdockr.cli.commands.names import OWNERS
from daprdockr.cli.flags import ALL, EVERYWHERE, REACH, Flag

PATIENCE = 3.0
"""Seconds that a script waits for names: on a busy machine the start of Python may take one, and etcd comes after."""


@frozen
class Form:
    """
    A command as it is typed: one word, or a flag with its dash.

    :ivar flags: the flags that may stand beside it.
    :ivar words: the words that may stand behind it.
    :ivar kinds: the kinds of things whose names may stand there.
    :ivar behind: by the words that were typed, the kind of things whose names may stand behind them.
    :ivar of_name: the same where one more word was typed, a name: the kind of things whose names may stand behind it.
    """

    typed: str
    about: str
    flags: tuple[Flag, ...]
    words: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    behind: Mapping[str, str] = {}
    of_name: Mapping[str, str] = {}


@cache
def forms() -> tuple[Form, ...]:
    """Return every command and every action."""
    return tuple(_form(name) for name in (*WORDS, *ACTIONS))


def _form(name: str) -> Form:
    command = load(name)
    typed = name if name in WORDS else f"-{name}"
    lines = [line for form, line in command.usage if typed in spoken(form)]
    taken = tuple(flag for flag in ALL if flag.name in command.flags and flag.name != name)
    behind = {f"{typed} {word}": kinds[0] for word, kinds in command.kinds.items()}
    of_name = {f"{typed} {word}": kinds[1] for word, kinds in command.kinds.items() if len(kinds) > 1}
    if "REVISION" in command.word:
        of_name[typed] = "revisions"
    flags = (*taken, *EVERYWHERE, *REACH)
    return Form(typed, lines[0], flags, command.choices, _kinds(command.word), behind, of_name)


def _kinds(word: str) -> tuple[str, ...]:
    """Return the kinds of the names that a command takes first, by its declaration."""
    found = {"SERVICE": "services", "INSTANCE": "instances", "GROUP": "groups", "NODE": "nodes"}
    return tuple(found[part] for part in re.findall("[A-Z]+", word.split(" ")[0]) if part in found)


def typed_actions() -> list[Form]:
    return [form for form in forms() if form.typed.startswith("-")]


def typed_commands() -> list[Form]:
    return [form for form in forms() if not form.typed.startswith("-")]


def plain_flags() -> list[Flag]:
    """Return the flags that are no actions."""
    return [flag for flag in ALL if flag.name not in ACTIONS]


def choices_of(flag: Flag) -> tuple[str, ...]:
    return tuple(flag.value.split("|")) if "|" in flag.value else ()


def flag_names(flags: Iterable[Flag], separator: str = " ") -> str:
    return separator.join(flag.name for flag in flags)


def filled(text: str, **parts: str) -> str:
    """Return the text with each ``@NAME@`` replaced, and ``@SECONDS@`` by ``PATIENCE``."""
    for name, part in {**parts, "seconds": f"{PATIENCE:g}"}.items():
        text = text.replace(f"@{name.upper()}@", part)
    return text


def patterns() -> dict[str, str]:
    """Return what the scripts tell apart flags by: actions, flags with a value, and flags with a file."""
    return {
        "actions": "|".join(ACTIONS),
        "valued": flag_names((flag for flag in plain_flags() if flag.value), "|"),
        "files": flag_names((flag for flag in plain_flags() if flag.value == "FILE"), "|"),
    }


def names_behind() -> Iterator[tuple[str, str]]:
    """Yield a command with its first word, and the kind of the names that may stand behind them."""
    return (place for form in forms() for place in form.behind.items())


def names_behind_name(name: str) -> Iterator[tuple[str, str]]:
    """
    Yield the words before a name, and what ``names`` is asked for behind it.

    :param name: what a script writes in the place of the name.
    """
    for form in forms():
        for words, kind in form.of_name.items():
            yield words, f"{kind}:{name}" if kind in OWNERS else kind
