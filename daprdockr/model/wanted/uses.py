# -*- test-case-name: tests.unit.model.wanted.test_files,tests.unit.model.wanted.test_secrets -*-
"""The common ground of ``Secrets`` and ``Files``: the place in a container, and the effect of another content."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from pathlib import PurePosixPath

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.names import check_value_name, shorten

ROLL = "roll"
"""A change replaces the containers."""
HUP = "HUP"
"""A change is put into the file in its place, and the main process of the container gets the signal."""

on_change = reading.one_of(ROLL, HUP)

_LONGEST_TARGET = 1024


def stored_name(what: str) -> reading.Check[str]:
    """Accept the name of a stored value: of a "secret", or of a "file"."""

    def check(value: object, path: str) -> str:
        try:
            return check_value_name(value, what)
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None

    return check


def target(value: object, path: str) -> str:
    """Accept the whole path of a file in a container."""
    place = reading.text(value, path)
    plain = place.startswith("/") and not place.startswith("//") and posixpath.normpath(place) == place != "/"
    if not plain or len(place) > _LONGEST_TARGET:
        raise BadInput(f"{path}: {shorten(value)} is not usable, write the whole path of a file, such as /etc/token")
    return place


def refuse_twice(places: Iterable[str], path: str) -> None:
    """:raises BadInput: two uses have one place, or a file lies below another file."""
    seen: set[str] = set()
    for place in places:
        if place in seen:
            raise BadInput(f"{path}: {shorten(place)} is given twice, write each file and each variable once")
        seen.add(place)
    for place in sorted(seen):
        above = next((str(one) for one in PurePosixPath(place).parents if str(one) in seen), None)
        if above is not None and place.startswith("/"):
            raise BadInput(f"{path}: {shorten(place)} lies below {shorten(above)}, which is a file: write another path")
