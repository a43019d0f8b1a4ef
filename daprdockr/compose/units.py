"""The values that a Compose file writes as texts: amounts of bytes, durations, yes and no, words of a shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator

from daprdockr.compose.tree import PlacedMap
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

_SIZE = re.compile(r"(\d{1,18})(?:\.(\d{1,9}))?\s*([kmgtp]?)(?:i?b)?", re.IGNORECASE | re.ASCII)
_POWERS = {letter: 1024**power for power, letter in enumerate(("", "k", "m", "g", "t", "p"))}
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(h|ms|m|us|µs|ns|s)", re.ASCII)
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_YES, _NO = ("true", "yes", "y", "on", "1"), ("false", "no", "n", "off", "0", "")
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)


def text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise BadInput(f"{shorten(value)} is not usable, write a text")


def boolean(value: object) -> bool:
    word = text(value).strip().lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise BadInput(f"{shorten(value)} is not usable, write true or false")


def one_of(*words: str) -> Callable[[object], str]:
    """Return a reader of a text that is one of some words."""

    *others, last = words
    listed = f"{', '.join(others)} or {last}" if others else last

    def read(value: object) -> str:
        if (found := text(value)) not in words:
            raise BadInput(f"{shorten(value)} is not usable, write {listed}")
        return found

    return read


def whole(value: object) -> int:
    try:
        return int(text(value))
    except ValueError:
        raise BadInput(f"{shorten(value)} is not usable, write a whole number") from None


def number(value: object) -> float:
    try:
        found = float(text(value))
    except ValueError:
        raise BadInput(f"{shorten(value)} is not usable, write a number") from None
    if not 0 <= found < 1e9:
        raise BadInput(f"{shorten(value)} is not usable, write a number that is not negative")
    return found


def size(value: object) -> int:
    """Read an amount of bytes: ``512m``, ``1.5gb``, ``-1`` for no limit."""
    written = text(value).strip()
    if written == "-1":
        return -1
    found = _SIZE.fullmatch(written)
    if found is None:
        raise BadInput(f"{shorten(value)} is not usable, write bytes such as 512m or 2gb")
    fraction = int(found[2] or 0) / 10 ** len(found[2] or "")
    return int((int(found[1]) + fraction) * _POWERS[found[3].lower()])


def seconds(value: object) -> float:
    """Read a duration: ``1m30s``, ``500ms``."""
    written = text(value).strip()
    parts = _PART.findall(written)
    if not parts or "".join(f"{amount}{unit}" for amount, unit in parts) != written:
        raise BadInput(f"{shorten(value)} is not usable, write a duration such as 30s or 1m30s")
    return round(sum(float(amount) * _SECONDS[unit] for amount, unit in parts), 6)


def tidy(amount: float) -> float:
    """Return a whole number as one, as definitions write it."""
    return int(amount) if amount == int(amount) else amount


def texts(value: object) -> list[str]:
    """Read a list of texts, or one text."""
    return [text(item) for item in value] if isinstance(value, list) else [text(value)]


def command(value: object) -> list[str]:
    """Read a command: a list, or a text that is split as a shell does."""
    if isinstance(value, list):
        return [text(item) for item in value]
    try:
        return shlex.split(text(value))
    except ValueError as error:
        raise BadInput(f"{shorten(value)} is not usable, its quotes do not match: {error}") from None


def pairs(value: object, divider: str = "=") -> dict[str, str | None]:
    """Read a mapping of texts, or a list of ``NAME=value``; None for a name without a value."""
    if isinstance(value, PlacedMap):
        return {key: None if item is None else text(item) for key, item in value.items()}
    found: dict[str, str | None] = {}
    for line in texts(value if isinstance(value, list) else _not_pairs(value)):
        name, given, item = line.partition(divider)
        found[name] = item if given else None
    return found


def _not_pairs(value: object) -> object:
    raise BadInput(f"{shorten(value)} is not usable, write a mapping, or a list of NAME=value")


def ports(value: object) -> list[int]:
    """Read one port, or a range such as ``3000-3005``."""
    found = _RANGE.fullmatch(text(value).strip())
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= first <= last <= 65535:
        raise BadInput(f"{shorten(value)} is not usable, write a port from 1 to 65535, or a range of them")
    if last - first >= 256:
        raise BadInput(f"{shorten(value)} is a range of more than 256 ports: name those that are used")
    return list(range(first, last + 1))


def tables(value: object) -> Iterator[object]:
    """Yield the items of a list. :raises BadInput: it is none."""
    if not isinstance(value, list):
        raise BadInput(f"{shorten(value)} is not usable, write a list")
    yield from value
