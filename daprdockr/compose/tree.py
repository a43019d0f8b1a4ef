# -*- test-case-name: tests.unit.compose.test_loading -*-
"""The values of a Compose file, with the file and the line of each key, and what is found about a key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.names import one_line
from daprdockr.model.stored.mirrored_keys import FileKey, SecretKey


@frozen
class LinePlace:
    """A line of a file, from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{one_line(self.file)}:{self.line}"


NOWHERE = LinePlace("", 0)


class PlacedMap(dict[str, object]):
    """A mapping of YAML that knows where its keys stand."""

    def __init__(self, pairs: Iterable[tuple[str, object]] = (), places: Mapping[str, LinePlace] | None = None) -> None:
        super().__init__(pairs)
        self.places = dict(places or {})

    def at(self, key: str) -> LinePlace:
        return self.places.get(key, NOWHERE)

    def put(self, key: str, value: object, place: LinePlace) -> None:
        self[key] = value
        self.places[key] = place

    def copied(self) -> PlacedMap:
        return PlacedMap(self.items(), self.places)


class Reset:
    """Stands for ``!reset``: the key counts as not given, in the files before too."""


@frozen
class Override:
    """Stands for ``!override``: the value replaces the one of the files before, and is not merged with it."""

    value: object


@frozen
class Finding:
    """
    A key that is not carried over.

    :ivar path: the key in the file, such as ``services.web.container_name``.
    :ivar text: the reason, and what to do.
    :ivar weighty: whether what runs would mean something else without it.
    :ivar value: the secret or file that somebody has to set, if there is nothing else to do.
    :ivar stamp: the digest of the content that the file has to have.
    """

    place: LinePlace
    path: str
    text: str
    weighty: bool
    value: SecretKey | FileKey | None = None
    stamp: str = ""

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place != NOWHERE else ""
        return f"{where}{self.path}: {self.text}"


def wrong(place: LinePlace, path: str, reason: str) -> BadInput:
    """Return the error about a key: one line with file, line and key."""
    where = f"{place}: " if place != NOWHERE else ""
    return BadInput(f"{where}{path}: {reason}")
