# -*- test-case-name: tests.unit.compose.test_loading -*-
"""Relative paths in a file, which begin at a directory of this machine."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping

from daprdockr.compose.tree import LinePlace, PlacedMap


class Local(str):
    """
    A path of this machine: nodes do not have what lies there.

    :ivar written: the path as the file has it.
    """

    written: str


def is_local(source: str) -> bool:
    """Return whether the source of a volume lies below the directory of its file, or the person's own."""
    return source.startswith((".", "~"))


def local(directory: str, path: str) -> Local:
    whole = path if path.startswith("~") else posixpath.normpath(posixpath.join(directory, path))
    found = Local(whole)
    found.written = path
    return found


def rebased(tree: PlacedMap, directory: str) -> None:
    """Let all relative paths of a file begin at a directory."""
    for part, keys in _KEYS.items():
        named = tree.get(part)
        for one in named.values() if isinstance(named, PlacedMap) else ():
            if isinstance(one, PlacedMap):
                for key, change in keys.items():
                    if key in one:
                        one[key] = change(one[key], directory, one.at(key))


def _path(value: object, directory: str, place: LinePlace) -> object:
    return local(directory, value) if isinstance(value, str) else value


def _paths(value: object, directory: str, place: LinePlace) -> object:
    """Change one path, or a list of paths and of tables with ``path``."""
    if isinstance(value, list):
        return [_paths(one, directory, place) for one in value]
    if isinstance(value, PlacedMap):
        return _in_table(value, "path", directory)
    return _path(value, directory, place)


def _in_table(value: PlacedMap, key: str, directory: str) -> PlacedMap:
    changed = value.copied()
    if isinstance(one := value.get(key), str):
        changed[key] = local(directory, one)
    return changed


def _extends(value: object, directory: str, place: LinePlace) -> object:
    return _in_table(value, "file", directory) if isinstance(value, PlacedMap) else value


def _volumes(value: object, directory: str, place: LinePlace) -> object:
    if not isinstance(value, list):
        return value
    return [_volume(one, directory, place) for one in value]


def _is_relative(source: object) -> bool:
    """Return whether the source of a bind begins here: it is no name, so it needs no dot in front."""
    return isinstance(source, str) and bool(source) and not source.startswith("/")


def _volume(one: object, directory: str, place: LinePlace) -> object:
    if isinstance(one, str):
        source, colon, rest = one.partition(":")
        if not colon or not is_local(source):
            return one
        target, _, options = rest.partition(":")
        long: dict[str, object] = {"type": "bind", "source": local(directory, source), "target": target}
        long |= {"read_only": True} if "ro" in options.split(",") else {}
        return PlacedMap(long.items(), dict.fromkeys(long, place))
    if isinstance(one, PlacedMap) and one.get("type") == "bind" and _is_relative(one.get("source")):
        return _in_table(one, "source", directory)
    return one


_Change = Callable[[object, str, LinePlace], object]
_KEYS: Mapping[str, Mapping[str, _Change]] = {
    "services": {"env_file": _paths, "label_file": _paths, "extends": _extends, "volumes": _volumes},
    "configs": {"file": _path},
    "secrets": {"file": _path},
}
