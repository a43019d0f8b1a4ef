# -*- test-case-name: tests.unit.cli.commands.test_why,tests.unit.picture.test_wrapped -*-
"""Lines and tables for people, no wider than a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import TextWrapper

WIDTH = 80
_GAP = "   "
_NARROWEST = 24
"""The narrowest last column in which text can be read."""
_INDENT = "    "


def wrapped(text: str, first: str = "", further: str = "  ") -> list[str]:
    """
    Return the text in lines.

    :param first: begins the first line, and ``further`` each other one.
    """
    return TextWrapper(WIDTH, first, further, break_long_words=False, break_on_hyphens=False).wrap(text)


def columns(rows: Sequence[Sequence[str]], width: int = 0, least: Sequence[int] = ()) -> Iterator[str]:
    """
    Yield the lines of a table whose columns are as wide as their widest cell. No line is wider than ``width`` (0: there
    is no limit) for the last column, which has the reasons: it continues below itself, or, where nothing is left for
    it, below the row.

    :param least: the least width of each column, for a table that more rows are printed below later.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths = [max(pair) for pair in zip(widths, least or [0] * len(widths), strict=True)]
    start = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    for row in rows:
        line = _GAP.join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()
        if not width or len(line) <= width:
            yield line
        elif width - start >= _NARROWEST:
            yield from _folded(row[-1], line[:start], " " * start, width)
        else:
            yield line[:start].rstrip()
            yield from _folded(row[-1], _INDENT, _INDENT, width)


def _folded(text: str, first: str, further: str, width: int) -> list[str]:
    return TextWrapper(max(width, len(further) + _NARROWEST), first, further, break_on_hyphens=False).wrap(text)
