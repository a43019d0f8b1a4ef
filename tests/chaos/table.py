"""The figures of a run as a table, which people and docutils read alike. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from tests.chaos.tally import Count, Row, Tally

HEAD = ("fault", "times", "HTTP", "there", "elsewhere", "DNS", "there", "elsewhere", "median", "max")
LEGEND = """\
HTTP, DNS: questions asked from the beginning of a fault until all was well again, and how many of them had no answer
of use, there (asked of a host that was harmed) and elsewhere. Median, max: seconds from its heal until all was well.
"""
ABSENT = "-"


def table(tally: Tally) -> str:
    """The figures: a row for each kind in the order of the alphabet, and one for all."""
    rows = [_cells(row) for row in sorted(tally.rows.values(), key=lambda row: row.kind.lower())]
    return simple_table([HEAD, *rows, _cells(total(tally.rows.values()))])


def total(rows: Iterable[Row]) -> Row:
    found = Row("all")
    for row in rows:
        found.times += row.times
        found.seconds += row.seconds
        found.http, found.dns = _sum(found.http, row.http), _sum(found.dns, row.dns)
    return found


def _sum(one: Count, other: Count) -> Count:
    return Count(
        one.asked + other.asked,
        one.failed_there + other.failed_there,
        one.failed_elsewhere + other.failed_elsewhere,
    )


def _cells(row: Row) -> list[str]:
    counts = [(each.asked, each.failed_there, each.failed_elsewhere) for each in (row.http, row.dns)]
    figures = [f"{median(row.seconds):.1f}", f"{max(row.seconds):.1f}"] if row.seconds else [ABSENT, ABSENT]
    return [row.kind, str(row.times), *(str(number) for count in counts for number in count), *figures]


def simple_table(rows: Sequence[Sequence[str]]) -> str:
    """
    A simple table of reStructuredText, whose first row is the head.

    Columns are as wide as their widest cell: the first stands to the left, the others to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    edge = "  ".join("=" * width for width in widths)
    head, *lines = [
        "  ".join([first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(more, widths[1:], strict=True))])
        for first, *more in rows
    ]
    return "\n".join([edge, head, edge, *lines, edge])
