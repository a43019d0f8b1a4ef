"""From files to one project: variables, ``extends``, several files over each other, ``include`` and profiles."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from attrs import define, field, frozen

from daprdockr.compose.interpolation import Interpolation, UnsetVariables
from daprdockr.compose.merging import as_table, merged
from daprdockr.compose.paths import local, rebased
from daprdockr.compose.replacing import Replacing
from daprdockr.compose.tree import Finding, LinePlace, PlacedMap, wrong
from daprdockr.compose.units import tables, text, texts
from daprdockr.compose.variables import ReadFile, read_variables, unset_in_file
from daprdockr.compose.walking import walk
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

T = TypeVar("T")

MOST_FILES = 100
"""The most files of one project, each time one is read."""
MOST_SERVICES = 1_000
DEEPEST = 16
"""How many ``extends``, or ``include``, may lead from one to the next."""

_PARTS = ("services", "volumes", "networks", "configs", "secrets")


@frozen
class ComposeSources:
    """
    The world that files are read from.

    :ivar read: the content of a file by its path; None if there is none.
    :ivar parse: the one document of a file of YAML, whose name is for the places of keys.
    :ivar environment: its variables.
    """

    read: ReadFile
    parse: Callable[[bytes, str], PlacedMap]
    environment: Mapping[str, str]


@frozen
class Project:
    """
    :ivar tree: all files as one, every service that is wanted in it.
    :ivar variables: those of the environment and of ``.env``.
    :ivar findings: variables that are used and not set.
    """

    name: str
    tree: PlacedMap
    variables: Mapping[str, str]
    findings: Sequence[Finding]

    @property
    def services(self) -> Mapping[str, PlacedMap]:
        return {name: as_table(one) for name, one in as_table(self.tree.get("services")).items()}

    def named(self, part: str) -> Mapping[str, PlacedMap]:
        """Return the volumes, networks, configs or secrets by their names."""
        return {name: as_table(one) for name, one in as_table(self.tree.get(part)).items()}


def load(files: Sequence[str], sources: ComposeSources, profiles: Sequence[str] = (), name: str = "") -> Project:
    """
    :param name: in place of the one that the files give.
    :raises BadInput: one line with file, line and key.
    """
    directory = posixpath.dirname(files[0]) or "."
    loading = Loading(sources)
    variables = {**loading.variables([posixpath.join(directory, ".env")], sources.environment), **sources.environment}
    name = name or variables.get("COMPOSE_PROJECT_NAME") or loading.name(files, variables)
    variables["COMPOSE_PROJECT_NAME"] = name = _usable(name or posixpath.basename(directory))
    tree = loading.project(files, directory, variables)
    wanted = [*profiles, *variables.get("COMPOSE_PROFILES", "").split(",")]
    _choose(tree, {one.strip() for one in wanted if one.strip()})
    _read(tree, "name", text)
    counts = loading.replacing.unset(as_table(tree.get("services")))
    unset = [
        Finding(
            place, path, f"variable {one} is not set, it counts as empty: set it, or write ${{{one}:-}}", one in counts
        )
        for one, (place, path) in {**loading.replacing.unset_idle(), **counts}.items()
    ]
    return Project(name, tree, variables, [*unset, *unset_in_file(loading.unset, weighty=False)])


def _usable(name: str) -> str:
    """Return a name as Compose would use it."""
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")


def _choose(tree: PlacedMap, profiles: set[str]) -> None:
    """Leave out the services that only profiles have which are not wanted."""
    services = as_table(tree.get("services"))
    for name, one in list(services.items()):
        own = set(_read(as_table(one), "profiles", texts, f"services.{name}.", []))
        if own and not own & profiles and "*" not in profiles:
            del services[name]


@define
class Loading:
    """The files that were read so far."""

    sources: ComposeSources
    replacing: Replacing = field(factory=Replacing)
    unset: UnsetVariables = field(factory=dict)
    """The variables that are not set, and that a file such as ``.env`` uses."""
    _read: int = 0
    _early: dict[str, PlacedMap] = field(factory=dict)
    """The files that were parsed for the name of the project, until they are read as a whole."""

    def variables(self, files: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of files of which any may be missing."""
        found: dict[str, str] = {}
        for name in files:
            data = self.sources.read(name)
            if data is not None:
                read = read_variables(data, name, {**found, **known}, unset=self.unset)
                found |= {key: value for key, value in read.items() if value is not None}
        return found

    def name(self, files: Sequence[str], variables: Mapping[str, str]) -> str:
        """Return the name that the last of some files gives, before they are read as a whole: they may use it."""
        found = ""
        for file in files:
            with suppress(BadInput):  # the whole reading says what is wrong
                self._early[file] = self._written(file)
                stated = self._early[file].get("name")
                found = Interpolation(variables).text(stated)[0] if isinstance(stated, str) else found
        return found

    def project(
        self, files: Sequence[str], directory: str, variables: Mapping[str, str], depth: int = DEEPEST
    ) -> PlacedMap:
        """Return files over each other, and what they include."""
        if not depth:
            raise BadInput(f"{files[0]}: include leads through more than {DEEPEST} files: it goes round in a circle")
        tree = PlacedMap()
        for name in files:
            tree = as_table(merged(tree, self._file(name, directory, variables)))
        _check_parts(tree)
        place, included = tree.at("include"), _read(tree, "include", lambda value: list(tables(value)), default=[])
        list(walk(included, "include", "include", place))
        tree.pop("include", None)
        for one in included:
            paths, below, own = self._included(one, directory, variables, place)
            _add(tree, self.project(paths, below, own, depth - 1))
        if len(as_table(tree.get("services"))) > MOST_SERVICES:
            raise BadInput(f"{files[0]}: there are more than {MOST_SERVICES} services: divide it")
        return tree

    def _included(
        self, one: object, directory: str, variables: Mapping[str, str], place: LinePlace
    ) -> tuple[list[str], str, dict[str, str]]:
        """Return the files of an entry of ``include``, the directory where its paths begin, and its variables."""
        entry = one if isinstance(one, PlacedMap) else PlacedMap([("path", one)], {"path": place})
        paths = [str(local(directory, path)) for path in _read(entry, "path", texts, "include.", [])]
        if not paths:
            raise wrong(place, "include", "path is missing: name a file")
        stated = _read(entry, "project_directory", text, "include.")
        below = str(local(directory, stated)) if stated else posixpath.dirname(paths[0])
        files = [str(local(directory, name)) for name in _read(entry, "env_file", texts, "include.", [])]
        for name in (*paths, *files):
            if name != "/dev/null":  # that one says that there is none
                self._check_file(name, place, "include")
        return paths, below, {**self.variables(files or [posixpath.join(below, ".env")], variables), **variables}

    def _check_file(self, name: str, place: LinePlace, path: str) -> None:
        """:raises BadInput: there is no file that another one names."""
        try:
            found = self.sources.read(name)
        except BadInput as error:
            raise wrong(place, path, str(error)) from None
        if found is None:
            raise wrong(place, path, f"there is no file {shorten(name)}: make it, or leave it out")

    def _file(self, name: str, directory: str, variables: Mapping[str, str]) -> PlacedMap:
        tree = self._parsed(name, directory, variables)
        services = tree.get("services")
        if isinstance(services, PlacedMap):
            for service in list(services):
                services[service] = self._extended(service, tree, name, directory, variables, DEEPEST)
        return tree

    def _parsed(self, name: str, directory: str, variables: Mapping[str, str]) -> PlacedMap:
        self._read += 1
        if self._read > MOST_FILES:
            raise BadInput(f"{name}: more than {MOST_FILES} files are read: leave some out")
        written = self._early.pop(name, None)
        tree = self.replacing.file(self._written(name) if written is None else written, variables)
        rebased(tree, directory)
        return tree

    def _written(self, name: str) -> PlacedMap:
        """Return a file as it is written. :raises BadInput: there is none, or it cannot be read."""
        data = self.sources.read(name)
        if data is None:
            raise BadInput(f"{shorten(name)} cannot be read: there is no such file")
        return self.sources.parse(data, name)

    def _extended(
        self, service: str, tree: PlacedMap, name: str, directory: str, variables: Mapping[str, str], depth: int
    ) -> object:
        """Return a service with what it extends below it."""
        own = as_table(tree.get("services")).get(service)
        if not isinstance(own, PlacedMap) or "extends" not in own:
            return own
        place, path = own.at("extends"), f"services.{service}.extends"
        if not depth:
            raise wrong(place, path, f"it leads through more than {DEEPEST} services: it goes round in a circle")
        extends = own["extends"]
        if not isinstance(extends, PlacedMap):
            extends = PlacedMap([("service", extends)], {"service": place})
        services, base = as_table(tree.get("services")), _read(extends, "service", text, f"{path}.")
        if extends.get("file") is not None:
            name = _read(extends, "file", text, f"{path}.")
            self._check_file(name, extends.at("file"), f"{path}.file")
            directory = posixpath.dirname(name)
            tree = self._parsed(name, directory, variables)
        others = _read(tree, "services", as_table, default=None)
        if base not in others:
            raise wrong(place, path, f"there is no service {shorten(base)} in {name}: name one")
        self.replacing.extends(services, service, others, base)
        below = self._extended(base, tree, name, directory, variables, depth - 1)
        rest = PlacedMap(((key, one) for key, one in own.items() if key != "extends"), own.places)
        return merged(below, rest, "services.*")


def _read(table: PlacedMap, key: str, reader: Callable[[object], T], path: str = "", default: object = "") -> T:
    """Return what stands at a key, as a reader has it. :raises BadInput: with its place."""
    try:
        return reader(table.get(key) or default)
    except BadInput as error:
        raise wrong(table.at(key), path + key, str(error)) from None


def _check_parts(tree: PlacedMap) -> None:
    """:raises BadInput: the file is none of Compose, or a part of it is no mapping, or a service is none."""
    for part in _PARTS:
        value = tree.get(part)
        if value is None:
            continue
        if not isinstance(value, PlacedMap):
            raise wrong(tree.at(part), part, "is not usable, write a mapping of names")
        for name, one in value.items():
            if not (isinstance(one, PlacedMap) or (one is None and part != "services")):
                raise wrong(value.at(name), f"{part}.{name}", "is not usable, write a mapping")


def _add(tree: PlacedMap, included: PlacedMap) -> None:
    """:raises BadInput: something is in both under the same name, and is not the same."""
    for part, name, one, place in _resources(included):
        whole = as_table(tree.setdefault(part, PlacedMap()))
        if name in whole and whole[name] != one:
            raise wrong(place, f"{part}.{name}", "it is defined in the file too that includes it: rename one of them")
        whole.put(name, one, place)


def _resources(tree: PlacedMap) -> Iterator[tuple[str, str, object, LinePlace]]:
    for part in _PARTS:
        named = as_table(tree.get(part))
        for name, one in named.items():
            yield part, name, one, named.at(name)
