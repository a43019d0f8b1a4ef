"""One service, or file, over another, as the Compose specification merges them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from daprdockr.compose.short_port import long_port
from daprdockr.compose.tree import Override, PlacedMap, Reset
from daprdockr.compose.units import text
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

_REPLACED = ("services.*.command", "services.*.entrypoint", "services.*.healthcheck.test")
_PAIRS = tuple(f"services.*.{key}" for key in ("environment", "labels", "sysctls", "annotations", "deploy.labels"))
_LISTS = tuple(f"services.*.{key}" for key in ("env_file", "label_file", "dns", "dns_search", "tmpfs"))
_NAMED = ("services.*.depends_on", "services.*.networks")
_HOSTS = "services.*.extra_hosts"
_LOGGING = "services.*.logging"
_OWN_NAMES = ("services", "volumes", "networks", "configs", "secrets")


def merged(base: object, over: object, pattern: str = "") -> object:
    """Return what stands for both, with the second one before the first; ``pattern`` is their path."""
    if isinstance(over, Override):
        return settled(over.value, pattern)
    base, over = uniform(base, pattern), uniform(over, pattern)
    if pattern == _HOSTS and {type(base), type(over)} == {PlacedMap, list}:
        base, over = _host_lines(base), _host_lines(over)
    if isinstance(base, PlacedMap) and isinstance(over, PlacedMap):
        return _tables(base, over, pattern)
    if isinstance(base, list) and isinstance(over, list) and pattern not in _REPLACED:
        unique = _UNIQUE.get(pattern)
        return _lists(base, over, unique) if unique else [*base, *(one for one in over if one not in base)]
    return base if over is None else settled(over, pattern)


def settled(value: object, pattern: str = "") -> object:
    """Return a value that nothing is merged with, without ``!reset`` and ``!override``."""
    value = uniform(value.value if isinstance(value, Override) else value, pattern)
    if isinstance(value, PlacedMap):
        return _tables(PlacedMap(), value, pattern)
    return [settled(item, f"{pattern}[]") for item in value] if isinstance(value, list) else value


def uniform(value: object, pattern: str) -> object:
    """Return the one form of a key that may be written in several."""
    if pattern in _LISTS and isinstance(value, str | PlacedMap):
        return [value]
    if not isinstance(value, list) or not all(isinstance(one, str | int | float) for one in value):
        return value  # who reads it knows its place, and says what is wrong
    if pattern in _PAIRS:
        found = (text(one).partition("=") for one in value)
        return PlacedMap((name, item if given else None) for name, given, item in found)
    if pattern in _NAMED:
        return named(value)
    return value


def _host_lines(value: object) -> object:
    """Return ``extra_hosts`` as a list, if it is a mapping of addresses, or of lists of them."""
    if not isinstance(value, PlacedMap):
        return value
    given = [(name, one if isinstance(one, list) else [one]) for name, one in value.items()]
    if not all(isinstance(address, str) for _, addresses in given for address in addresses):
        return value  # as in ``uniform``
    return [f"{name}:{address}" for name, addresses in given for address in addresses]


def _tables(base: PlacedMap, over: PlacedMap, pattern: str) -> PlacedMap:
    found = PlacedMap() if pattern == _LOGGING and _is_other_driver(base, over) else base.copied()
    for key, value in over.items():
        below = f"{pattern}.{'*' if pattern in _OWN_NAMES else key}".lstrip(".")
        if isinstance(value, Reset):
            found.pop(key, None)
            continue
        whole = None if value is None and pattern in _PAIRS else merged(found.get(key), value, below)
        found.put(key, whole, over.at(key))
    return found


def _is_other_driver(base: PlacedMap, over: PlacedMap) -> bool:
    """Return whether two logs have different drivers, so that none of the first one's options is for the second one."""
    return None not in (base.get("driver"), over.get("driver")) and base["driver"] != over["driver"]


def _lists(base: list[object], over: list[object], unique: Callable[[object], object]) -> list[object]:
    found = {unique(one): one for one in base}
    for one in over:
        found[unique(one)] = one
    return list(found.values())


def _target(default: Callable[[str], str]) -> Callable[[object], object]:
    def target(one: object) -> object:
        if isinstance(one, PlacedMap):
            return _without_slash(str(one.get("target") or default(str(one.get("source")))))
        return _without_slash(default(str(one)))  # who reads it says what is wrong, as in ``uniform``

    return target


def _mounted(line: str) -> str:
    """Return the path in the container of a volume in the short form."""
    parts = line.split(":")
    return parts[1] if len(parts) > 1 else parts[0]


def _without_slash(target: str) -> str:
    return target.rstrip("/") or "/"


def _port(one: object) -> object:
    if not isinstance(one, PlacedMap):
        try:
            one = long_port(one)
        except BadInput:
            return str(one)  # as in ``uniform``
    protocol = str(one.get("protocol") or "tcp").lower()
    return protocol, *(str(one.get(key) or "") for key in ("host_ip", "target", "published"))


_UNIQUE: Mapping[str, Callable[[object], object]] = {
    "services.*.volumes": _target(_mounted),
    "services.*.secrets": _target(lambda name: name),
    "services.*.configs": _target(lambda name: name),
    "services.*.ports": _port,
}


def named(value: object) -> PlacedMap:
    """Return a mapping of names, of which a list is the short form. :raises BadInput: it is anything else."""
    if isinstance(value, list):
        return PlacedMap((text(one), None) for one in value)
    if not isinstance(value, PlacedMap):
        raise BadInput(f"{shorten(value)} is not usable, write a list of names, or a mapping")
    return value


def as_table(value: object) -> PlacedMap:
    """Return a mapping; nothing counts as an empty one. :raises BadInput: it is anything else."""
    if value is None:
        return PlacedMap()
    if not isinstance(value, PlacedMap):
        raise BadInput("is not usable, write a mapping")
    return value
