# -*- test-case-name: tests.unit.compose.test_keys -*-
"""
The tables of ``docs/reference/compose.rst``, made from the table of keys.

``python -m daprdockr.compose.reference docs/reference/compose.rst`` replaces the tables there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import wrap

from daprdockr.compose.keys import KEYS

PARTS: Mapping[str, tuple[str, ...]] = {
    "Top level": ("",),
    "Service": ("services.*.",),
    "Network, volume, config, secret": ("networks.*.", "volumes.*.", "configs.*.", "secrets.*."),
}
"""The sections of the page, each with the beginnings of the keys in its table."""

_WIDTH, _GAP = 120, "  "
_TABLE = r"^{title}\n-+\n\n(?:.*\n)*?(?P<table>=+ +=+ +=+\nkey (?:.*\n)*?=+ +=+ +=+\n(?:.*\n)*?=+ +=+ +=+\n)"


def rows(part: str) -> list[tuple[str, str, str]]:
    """Return key, what becomes of it, and how, for a section."""
    starts = PARTS[part]
    return sorted(
        (path if starts == ("",) else path.removeprefix("services.*."), key.carried.value, key.how)
        for path, key in KEYS.items()
        if (path.startswith(starts) if starts != ("",) else ".*." not in path)
    )


def table(part: str) -> str:
    """Return a simple table of reStructuredText."""
    cells = [("key", "is", "how"), *((f"``{path}``", carried, how) for path, carried, how in rows(part))]
    widths = [max(len(row[number]) for row in cells) for number in (0, 1)]
    widths.append(_WIDTH - sum(widths) - 2 * len(_GAP))
    ruler = _GAP.join("=" * width for width in widths) + "\n"
    head, *body = ["".join(_lines(row, widths)) for row in cells]
    return f"{ruler}{head}{ruler}{''.join(body)}{ruler}"


def _lines(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    first, second, third = row
    for line in wrap(third, widths[2], break_long_words=False, break_on_hyphens=False):
        yield f"{first:<{widths[0]}}{_GAP}{second:<{widths[1]}}{_GAP}{line}".rstrip() + "\n"
        first = second = ""


def renewed(page: str) -> str:
    """Return the page with new tables in place of its present ones."""
    for part in PARTS:
        found = re.search(_TABLE.format(title=part), page, re.MULTILINE)
        if found is None:
            raise SystemExit(f"the page has no table in a section {part}")
        page = page[: found.start("table")] + table(part) + page[found.end("table") :]
    return page


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
