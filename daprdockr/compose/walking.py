# -*- test-case-name: tests.unit.compose.test_keys -*-
"""All keys of a file against the table of keys: an unknown one is an error, one that is not carried over is found."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from daprdockr.compose.keys import KEYS, WHOLE, Carried, inside
from daprdockr.compose.tree import Finding, LinePlace, PlacedMap, wrong
from daprdockr.model.names import one_line, shorten

_NOT_CARRIED = (Carried.LEFT_OUT, Carried.REFUSED)
_NONE: tuple[object, ...] = (None, False, "", [], {})
EXTENSION = "x-"


def walk(value: object, pattern: str, path: str, place: LinePlace) -> Iterator[Finding]:
    """
    Yield a finding for each key that is not carried over.

    :param pattern: the path of the value in the table of keys.
    :raises BadInput: a key is unknown.
    """
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from walk(item, f"{pattern}[]", f"{path}[{number}]", place)
    if not isinstance(value, PlacedMap):
        return
    names = inside(pattern)
    for key, item in value.items():
        if key.startswith(EXTENSION) and "*" not in names:
            continue
        here, at = f"{path}.{one_line(key)}".lstrip("."), value.at(key)
        if not names:
            continue
        if key not in names and "*" not in names:
            raise wrong(at, here, f"is not a known key{_nearest(key, names)}")
        yield from _known(item, f"{pattern}.{key if key in names else '*'}".lstrip("."), here, at)


def _known(item: object, pattern: str, path: str, place: LinePlace) -> Iterator[Finding]:
    found = KEYS.get(pattern)
    if found is not None and found.carried in _NOT_CARRIED:
        if item not in _NONE:
            yield Finding(place, path, found.spoken, found.carried is Carried.REFUSED)
    elif pattern not in WHOLE:
        yield from walk(item, pattern, path, place)


def _nearest(key: str, names: tuple[str, ...]) -> str:
    near = get_close_matches(key, names, n=1)
    return f", did you mean {near[0]}?" if near else f": leave {shorten(key)} out, or see the keys of Compose"
