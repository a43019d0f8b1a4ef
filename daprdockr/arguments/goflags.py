"""
Command line words parsed as Go's ``flag`` package does, because the first users of these flags type them so.

One dash or two; ``-flag value`` or ``-flag=value``; a boolean alone, or ``-flag=false``. Unlike in Go, flags may stand
after other words; ``--`` ends them. argparse and getopt abbreviate ``-svc`` and refuse ``-set=false``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

_BOOLEANS = {word: True for word in ("1", "t", "T", "true", "TRUE", "True")} | {
    word: False for word in ("0", "f", "F", "false", "FALSE", "False")
}
"""The values that Go's ``strconv.ParseBool`` accepts."""


@frozen
class Words:
    """A command line: its flags in the order given, without dashes, and its other words."""

    flags: tuple[tuple[str, str | bool], ...]
    others: tuple[str, ...]


def split(words: Sequence[str], *, valued: Collection[str], boolean: Collection[str]) -> Words:
    """
    Separate flags from other words.

    :param valued: names of the flags that take a value.
    :param boolean: names of those that need none.
    :raises BadInput: one line that names the flag.
    """
    flags: list[tuple[str, str | bool]] = []
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            others.extend(rest)
        elif word == "-" or not word.startswith("-"):
            others.append(word)
        else:
            name, equals, text = word.removeprefix("-").removeprefix("-").partition("=")
            value = text if equals else None
            if name in boolean:
                flags.append((name, _truth(name, value)))
            elif name in valued:
                flags.append((name, _next(name, rest) if value is None else value))
            else:
                raise BadInput(f"{shorten(word)} is not a known flag{_nearest(name, (*valued, *boolean))}")
    return Words(tuple(flags), tuple(others))


def _truth(name: str, value: str | None) -> bool:
    if value is None:
        return True
    if value in _BOOLEANS:
        return _BOOLEANS[value]
    raise BadInput(f"-{name}: {shorten(value)} is not usable, write -{name} or -{name}=false")


def _next(name: str, rest: Iterator[str]) -> str:
    for word in rest:
        return word
    raise BadInput(f"-{name} needs a value")


def _nearest(name: str, known: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, n=1) if len(name) > 1 else []
    return f", did you mean -{near[0]}?" if near else ": -help lists them all"
