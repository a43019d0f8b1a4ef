# -*- test-case-name: tests.unit.cli.commands.test_logs -*-
"""Lines of logs as they are printed, and the times that a person writes for them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from daprdockr.cli.merging import LogLine
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_AGE = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?", re.ASCII)
_UNITS = (86400, 3600, 60, 1)

# Colours that a program gives its log are harmless; other control sequences move the cursor, or do worse.
_COLOUR = re.compile(r"(\x1b\[[0-9;]{0,40}m)")


def is_coloured(on_terminal: bool, environment: Mapping[str, str]) -> bool:
    """Return whether names are printed in colour. An empty NO_COLOR counts as none (no-color.org)."""
    return on_terminal and not environment.get("NO_COLOR")


def as_text(lines: Iterable[LogLine], named: bool, on_terminal: bool, coloured: bool) -> bytes:
    """
    Return lines for people.

    :param named: whether each begins with the name of its instance.
    :param on_terminal: whether control characters would reach a terminal; otherwise lines stay as they are.
    :param coloured: whether the names have colours.
    """
    return b"".join(_text(line, named, on_terminal, coloured) for line in lines)


def _text(line: LogLine, named: bool, on_terminal: bool, coloured: bool) -> bytes:
    # A container with a terminal of its own ends its lines with a carriage return, too.
    text = harmless(line.text.removesuffix("\r")) if on_terminal else line.text
    start = f"{line.source} | " if named else ""
    if start and coloured:
        number = int(line.source.partition(".")[0]) if line.source[:1].isdigit() else 0
        start = f"\x1b[{_COLOURS[number % len(_COLOURS)]}m{start}\x1b[0m"
    return f"{start}{text}\n".encode("utf-8", "surrogateescape")


def as_json(lines: Iterable[LogLine]) -> bytes:
    """Return a JSON object for each line, in a line of its own."""
    return b"".join(
        json.dumps(
            {
                "Time": line.time,
                "Instance": line.source,
                "Stream": "stderr" if line.is_error else "stdout",
                "Line": line.text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
            }
        ).encode()
        + b"\n"
        for line in lines
    )


def harmless(text: str) -> str:
    """Return text of a program for a terminal: colours stay, all else that a terminal obeys is escaped."""
    parts = _COLOUR.split(text)
    kept = [part if number % 2 else _escaped(part) for number, part in enumerate(parts)]
    return "".join(kept) + ("\x1b[0m" if len(parts) > 1 else "")


def _escaped(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else ascii(c)[1:-1] for c in text)


def moment_of(text: str, now: float) -> float:
    """Read a time, or an age; return it in seconds since the epoch. :raises BadInput: it is neither."""
    age = _AGE.fullmatch(text)
    if age and any(age.groups()):
        return max(0.0, now - sum(int(part or 0) * unit for part, unit in zip(age.groups(), _UNITS, strict=True)))
    try:
        moment = datetime.fromisoformat(text)
        return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise BadInput(
            f"-since: {shorten(text)} is not usable, write an age such as 10m, or a time such as 2026-11-28T10:00:00Z"
        ) from None
