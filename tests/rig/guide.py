"""
A guide as a person follows it: the commands behind its prompts, in their order, and the output that it shows.

A block of a guide is indented by four columns. A command stands behind ``desk#``, ``hosts#`` or ``host1#``, with the
lines of its here-document, or those that continue it, below it; all other lines are output. Of the output that a guide
shows each line has to appear, but numbers, and who did something, may differ. ``...`` stands for whatever there is, at
the end of a line too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import define, field

_PROMPT = re.compile(r"    (desk|hosts|host\d)# (.*)")
_HERE = re.compile(r"<<'?(\w+)'?$")
FAILS = "daprdockrcmd: "
"""The beginning of an error; a command that shows one has to fail, and any other to succeed."""


@define
class Typed:
    """A command, the ``place`` where it is typed, and the lines of output that the guide ``shows``."""

    place: str
    command: str
    shows: list[str] = field(factory=list)

    @property
    def fails(self) -> bool:
        return any(line.startswith(FAILS) for line in self.shows)

    def missing(self, output: str) -> list[str]:
        """Return the lines that the guide shows and this output does not have."""
        there = [essence(line) for line in output.splitlines()]
        return [line for line in self.shows if not _is_there(essence(line), there)]


def typed(page: Path) -> list[Typed]:
    """Return the commands of a guide."""
    found: list[Typed] = []
    lines = iter(page.read_text().splitlines())
    open_block = False
    for line in lines:
        if match := _PROMPT.fullmatch(line):
            found.append(Typed(match[1], "\n".join(_whole(match[2], lines))))
            open_block = True
        elif line and not line.startswith("    "):
            open_block = False
        elif line and open_block:
            found[-1].shows.append(line[4:])
    return found


def _whole(first: str, rest: Iterator[str]) -> Iterator[str]:
    """Yield a command with the lines of its here-document, or those that continue it."""
    yield first
    while first.endswith("\\"):
        first = next(rest)[4:]
        yield first
    if end := _HERE.search(first):
        for line in rest:
            yield line[4:]
            if line[4:] == end[1]:
                return


def essence(line: str) -> str:
    """Return a line of output without what is another one each time: numbers, names of people, the width of columns."""
    return re.sub(r"\s+", " ", re.sub(r"\d+", "0", re.sub(r"\b[\w.]+@[\w.]+", "anna@desk", line))).strip()


def _is_there(line: str, output: Sequence[str]) -> bool:
    if line == "...":
        return True
    if line.endswith("..."):
        return any(one.startswith(line.removesuffix("...")) for one in output)
    return line in output
