# -*- test-case-name: tests.unit.cli.test_parse -*-
"""
The words of a command line, divided into flags and others.

``exec`` and ``job run`` take words that are meant for a program. Behind ``--`` all are; without it a flag among them
would be taken for one of ours, and the program would run without it, so it is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from daprdockr.arguments import goflags
from daprdockr.cli.command import ACTIONS, WORDS
from daprdockr.cli.flags import ALL, CHANGES, names
from daprdockr.cli.unknown import known_word
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

_BOOLEAN = (*ACTIONS, "h", *(flag.name for flag in ALL if not flag.value))
_VALUED = tuple(flag.name for flag in ALL if flag.value)
_ANY = (*names(CHANGES), *(flag.name for flag in ALL if flag.value in ("FILE", "DIR")))
"""The flags whose values may hold anything: what a definition says is checked there, and a file may have any name."""
_SHORT: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "logs": {"-f": ("-follow",)},
    "events": {"-f": ("-follow",)},
    "exec": {"-i": ("-interactive",), "-t": ("-tty",), **dict.fromkeys(("-it", "-ti"), ("-interactive", "-tty"))},
}
_SHORT_BOOLEAN = tuple(word.removeprefix("-") for word in _SHORT["exec"])
_PROGRAMS = {("exec",): (3, "the command"), ("job", "run"): (4, "the arguments")}
"""By how a command line begins: the place of the first word for a program, counted from 1, and what they are called."""


def split_words(words: Sequence[str]) -> goflags.Words:
    """:raises BadInput: a flag is not known, or stands among the words that are meant for a program."""
    try:
        split = goflags.split(_spelled_out(words), valued=_VALUED, boolean=_BOOLEAN)
    except BadInput as error:
        flag, unknown, _ = str(error).partition(" is not a known flag")
        _, what = _program([word for word in words if not word.startswith("-")])
        if unknown and what and "--" not in words:
            raise BadInput(f"{flag}{unknown}: write -- before {what}") from None
        if unknown and not words[0].startswith("-") and words[0] != "help":
            known_word(words[0])
        raise
    first, what = _program(split.others)
    if first:
        _check_program(words[: words.index("--")] if "--" in words else words, first, what)
    elif "" in split.others:
        raise BadInput("an empty word names nothing: leave it out, or set the variable that it is from")
    texts = [value for name, value in split.flags if isinstance(value, str) and name not in _ANY]
    _check_characters([*texts, *(split.others if first else ())])
    return split


def _program(others: Sequence[str]) -> tuple[int, str]:
    """Return the entry of ``_PROGRAMS`` for words that are no flags; 0 and "" for none."""
    return next((found for start, found in _PROGRAMS.items() if tuple(others[: len(start)]) == start), (0, ""))


def _check_program(own: Sequence[str], first: int, what: str) -> None:
    """:raises BadInput: a flag stands behind the first word for a program."""
    for number, word in enumerate(own):
        if word == "-" or not word.startswith("-"):
            continue  # no flag, like the thousands of names of files that there may be
        try:
            before = goflags.split(own[:number], valued=_VALUED, boolean=(*_BOOLEAN, *_SHORT_BOOLEAN)).others
        except BadInput:
            continue  # it is the value of a flag
        if len(before) >= first:
            raise BadInput(f"{shorten(word)} stands behind {shorten(before[first - 1])}: write -- before {what}")


def _check_characters(texts: Iterable[str]) -> None:
    """:raises BadInput: one is no UTF-8, in which all is stored and sent."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BadInput(f"{shorten(text)} holds half a character: write all of it in UTF-8") from None


def _spelled_out(words: Sequence[str]) -> list[str]:
    """Return the words with the flags of one letter written out that mean something else with another command."""
    at = next((number for number, word in enumerate(words) if word in WORDS), len(words))
    short = _SHORT.get(words[at], {}) if at < len(words) else {}
    end = words.index("--", at) if "--" in words[at:] else len(words)
    found = list(words[:at])
    for word in words[at:end]:
        found += short.get(word, (word,))
    return [*found, *words[end:]]
