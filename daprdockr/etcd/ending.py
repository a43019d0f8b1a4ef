"""Why an etcd ended, by what it wrote last."""

from __future__ import annotations

from typing import Any

from daprdockr.model.errors import BadInput
from daprdockr.model.names import one_line
from daprdockr.model.reading import parse_json

_LONGEST = 300
_FINAL = ("panic", "fatal")
"""The levels of zap after whose lines etcd ends."""


def reason_in(output: str) -> str:
    """Return the last final line of a log of zap in JSON as text; empty if there is none: it was killed."""
    lines = (_line(line) for line in reversed(output.splitlines()) if line.startswith("{"))
    final = next((line for line in lines if line.get("level") in _FINAL), {})
    said = (final.get(member) for member in ("msg", "error"))
    return one_line(": ".join(text for text in said if isinstance(text, str) and text), _LONGEST)


def _line(text: str) -> dict[str, Any]:
    """Return a line of the log; nothing of one that is cut off."""
    try:
        found = parse_json(text.encode())
    except BadInput:
        return {}
    return found if isinstance(found, dict) else {}
