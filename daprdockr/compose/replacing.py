# -*- test-case-name: tests.unit.compose.test_loading -*-
"""
The variables of files, replaced in one service after the other.

A variable that is not set, or a text that is wrong, counts only if something that is wanted is made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from attrs import define, field

from daprdockr.compose.interpolation import Interpolation, UnsetVariables
from daprdockr.compose.tree import LinePlace, PlacedMap
from daprdockr.compose.walking import EXTENSION
from daprdockr.model.errors import BadInput

FilePart = tuple[str, str]
"""A file, and what stands in it: ``services.web``, or a key at its top that has no services."""

_SERVICES = "services"
_IDLE = ("networks", "version")
"""Keys of which nothing is made, as of extensions."""


@define
class Replacing:
    """The parts of all files that were read."""

    _unset: dict[FilePart, UnsetVariables] = field(factory=dict)
    _wrong: dict[FilePart, BadInput] = field(factory=dict)
    _bases: dict[FilePart, FilePart] = field(factory=dict)

    def file(self, tree: PlacedMap, variables: Mapping[str, str]) -> PlacedMap:
        """Return a file with all variables replaced that can be."""
        found = PlacedMap((), tree.places)
        for key, item in tree.items():
            if key == _SERVICES and isinstance(item, PlacedMap):
                found[key] = services = PlacedMap((), item.places)
                for name, one in item.items():
                    services[name] = self._part(one, f"{key}.{name}", item.at(name), variables)
            else:
                found[key] = self._part(item, key, tree.at(key), variables)
        return found

    def extends(self, services: PlacedMap, name: str, others: PlacedMap, base: str) -> None:
        """Take note that one service is made of another."""
        self._bases[_service(services, name)] = _service(others, base)

    def unset(self, wanted: Iterable[str]) -> UnsetVariables:
        """
        Return the variables that are not set and count.

        :param wanted: the names of the services that are.
        :raises BadInput: a text that counts is wrong.
        """
        counts = set(self._counting({f"{_SERVICES}.{name}" for name in wanted}))
        for part, error in self._wrong.items():
            if part in counts:
                raise error
        found: UnsetVariables = {}
        for part, names in self._unset.items():
            if part in counts:
                found = {**names, **found}
        return found

    def unset_idle(self) -> UnsetVariables:
        """Return the variables that are not set, and of which nothing is made."""
        found: UnsetVariables = {}
        for part, names in self._unset.items():
            if _is_idle(part):
                found = {**names, **found}
        return found

    def _part(self, value: object, path: str, place: LinePlace, variables: Mapping[str, str]) -> object:
        unset = self._unset.setdefault((place.file, path), {})
        try:
            return Interpolation(variables, unset).tree(value, path, place)
        except BadInput as error:
            self._wrong.setdefault((place.file, path), error)
            return value

    def _counting(self, wanted: set[str]) -> Iterator[FilePart]:
        """Yield the parts that count: the wanted services, what these are made of, and what any may use."""
        for part in self._unset:
            if part[1] in wanted or not (part[1].startswith(f"{_SERVICES}.") or _is_idle(part)):
                above: set[FilePart] = set()
                at: FilePart | None = part
                while at is not None and at not in above:
                    yield at
                    above.add(at)
                    at = self._bases.get(at)


def _is_idle(part: FilePart) -> bool:
    return part[1] in _IDLE or part[1].startswith(EXTENSION)


def _service(services: PlacedMap, name: str) -> FilePart:
    return services.at(name).file, f"{_SERVICES}.{name}"
