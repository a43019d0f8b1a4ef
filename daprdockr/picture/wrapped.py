# -*- test-case-name: tests.unit.cli.commands.test_why,tests.unit.picture.test_wrapped -*-
"""Lines and tables for people, no wider than a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from textwrap import TextWrapper

WIDTH = 80
_GAP = "   "
_NARROWEST = 24
"""The narrowest last column in which text can be read."""
_NARROW_GAP = "  "
_LONG = 20
"""The longest name that is never cut."""
_SHORTEST = 12
"""The shortest to which another one is cut."""
_INDENT = "    "
_NOTHING = "-"
"""A cell of a table that has nothing to say."""


def wrapped(text: str, first: str = "", further: str = "  ") -> list[str]:
    """
    Return the text in lines.

    :param first: begins the first line, and ``further`` each other one.
    """
    return TextWrapper(WIDTH, first, further, break_long_words=False, break_on_hyphens=False).wrap(text)


def columns(rows: Sequence[Sequence[str]], width: int = 0, least: Sequence[int] = ()) -> Iterator[str]:
    """
    Yield the lines of a table whose columns are as wide as their widest cell.

    No line is wider than ``width`` (0: there is no limit), if that is possible. The last column, which has the reasons,
    continues below itself, or, where nothing is left for it, below the row. If that is not enough, lists and times
    continue below themselves too, and long names lose their middle.

    :param least: the least width of each column, for a table that more rows are printed below later.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths = [max(pair) for pair in zip(widths, least or [0] * len(widths), strict=True)]
    gap = _GAP
    if width:
        gap = _gap(widths, width)
        widths[:-1] = _fitted(rows, widths, width - len(gap) * (len(widths) - 1))
    for row in rows:
        yield from _row(row, widths, gap, width)


def _gap(widths: Sequence[int], width: int) -> str:
    """Return the narrow gap where the wide one leaves no room for the first columns, or takes it from the last."""
    wide, narrow = (sum(widths) + len(gap) * (len(widths) - 1) for gap in (_GAP, _NARROW_GAP))
    return _NARROW_GAP if wide - widths[-1] > width or narrow <= width < wide else _GAP


def _row(row: Sequence[str], widths: Sequence[int], gap: str, width: int) -> Iterator[str]:
    *cells, last = row
    start = sum(widths[:-1]) + len(gap) * len(cells)
    lines = zip_longest(*(_in_lines(cell, widths[at]) for at, cell in enumerate(cells)), fillvalue="")
    begun = ["".join(f"{part:<{widths[at]}}{gap}" for at, part in enumerate(line)) for line in lines]
    said, below = [last], list[str]()
    if width and start + widths[-1] > width:
        if width - start >= _NARROWEST:
            said = _folded(last, width - start)
        else:
            said, below = [], [] if last == _NOTHING else _folded(last, width - len(_INDENT))
    for one, text in zip_longest(begun, said, fillvalue=""):
        yield f"{one or ' ' * start}{text}".rstrip()
    yield from (f"{_INDENT}{text}" for text in below)


def _fitted(rows: Sequence[Sequence[str]], widths: Sequence[int], room: int) -> Sequence[int]:
    """
    Return the widths of all columns but the last. Nothing is cut as long as they fit alone. Otherwise the cuts
    leave room for the last one beside them, if they can; if they cannot even make them fit, times have two lines.

    :param room: what is left without the gaps.
    """
    if sum(widths[:-1]) <= room:
        return widths[:-1]
    columns = list(zip(*rows, strict=True))[:-1]
    whole, floors = ([max(map(least, column)) for column in columns] for least in (_floor_of_whole, _floor))
    beside = room - min(widths[-1], _NARROWEST)
    limit = beside if sum(whole) <= beside else room
    floors = whole if sum(whole) <= limit else floors
    for most in range(max(widths[:-1], default=0), 0, -1):
        found = [max(floor, min(size, most)) for size, floor in zip(widths, floors, strict=False)]
        if sum(found) <= limit:
            return found
    return floors


def _floor(cell: str) -> int:
    """Return the least width of a cell."""
    return max(len(piece) if len(piece) <= _LONG else _SHORTEST for piece in _pieces(cell))


def _floor_of_whole(cell: str) -> int:
    """Return the same for a cell that is not divided at a space."""
    return len(cell) if " " in cell else _floor(cell)


def _pieces(cell: str) -> list[str]:
    """Return the parts of a list, each with its comma, and of a time."""
    return re.findall("[^, ]+,?|[, ]", cell) or [""]


def _in_lines(cell: str, size: int) -> list[str]:
    if len(cell) <= size:
        return [cell]
    lines = [""]
    for piece in _pieces(cell):
        short = _cut(piece, size)
        if lines[-1] and len(lines[-1]) + len(short) > size:
            lines.append("")
        lines[-1] = f"{lines[-1]}{short}".lstrip()
    return lines


def _cut(text: str, size: int) -> str:
    """Return the beginning and the end of a long name."""
    if len(text) <= size:
        return text
    behind = (size - 1) // 2
    return f"{text[: size - 1 - behind]}…{text[len(text) - behind :]}"


def _folded(text: str, width: int) -> list[str]:
    return TextWrapper(max(width, _NARROWEST), break_on_hyphens=False).wrap(text)
