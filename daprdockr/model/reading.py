"""
Checks of untrusted JSON: each check returns the value it approves or raises one clear line.

A ``Check`` takes the value and its path in the document ("Http.ContainerPort"), so that the line names the place.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import json
import math
from collections.abc import Callable, Mapping, Sized
from enum import Enum
from typing import Any, TypeVar

from daprdockr.model.errors import BadInput
from daprdockr.model.names import check_label, one_line, shorten

T = TypeVar("T")
E = TypeVar("E", bound=Enum)
Check = Callable[[object, str], T]

MAX_DOCUMENT = 256 * 1024
MAX_NESTING = 32
LONGEST_AUTHOR = 200


def parse_json(data: bytes, limit: int = MAX_DOCUMENT) -> object:
    """
    Return the JSON document in ``data`` (RFC 8259, UTF-8), no longer than ``limit`` bytes, no key twice in an object,
    and such that it can be written again: nothing nested beyond ``MAX_NESTING``, no half of a surrogate pair, no number
    too large for a float.

    :raises BadInput: if it is anything else.
    """
    if len(data) > limit:
        raise BadInput(f"the JSON has {len(data)} bytes: at most {limit} are read")
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_refuse_twice, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise BadInput(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"not JSON: byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise BadInput("not usable: the JSON is nested too deep") from None
    except ValueError as error:  # a number with thousands of digits
        raise BadInput(f"not usable: {error}") from None
    _refuse_unwritable(document, MAX_NESTING)
    return document


def _refuse_unwritable(value: object, depth: int) -> None:
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise BadInput(f"{shorten(value)} is not usable, because half of a surrogate pair is no character")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise BadInput("not usable: a number in the JSON is too large")
    elif isinstance(value, list | dict):
        if not depth:
            raise BadInput(f"not usable: the JSON is nested deeper than {MAX_NESTING} levels")
        for item in value if isinstance(value, list) else (*value, *value.values()):
            _refuse_unwritable(item, depth - 1)


def _refuse_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    seen: dict[str, object] = {}
    for key, value in pairs:
        if key in seen:
            raise BadInput(f"key {shorten(key)} is given twice")
        seen[key] = value
    return seen


def _refuse_constant(name: str) -> object:
    raise BadInput(f"not JSON: {name} is not a number")


def anything(value: object, path: str) -> Any:
    """Accept any value of JSON: the Docker Engine checks it."""
    return value


def text(value: object, path: str) -> str:
    if isinstance(value, str) and value.isprintable():
        return value
    raise BadInput(f"{path}: {shorten(value)} is not usable, write a text in quotes without control characters")


def free_text(value: object, path: str) -> str:
    """Accept any text without a NUL, which no argument of a process can contain."""
    if isinstance(value, str) and "\0" not in value:
        return value
    raise BadInput(f"{path}: {shorten(value)} is not usable, write a text in quotes")


def line(longest: int) -> Check[str]:
    """Accept any text without a NUL, as one line of at most so many characters."""
    return lambda value, path: one_line(free_text(value, path), longest)


author = line(LONGEST_AUTHOR)
"""Accept the name of the person or node that did something, such as "anna@host"."""


def octets(value: object, path: str) -> bytes:
    """Accept bytes in base64."""
    try:
        return base64.b64decode(text(value, path), validate=True)
    except (binascii.Error, ValueError):
        raise BadInput(f"{path}: {shorten(value)} is not usable, it is no base64") from None


def boolean(value: object, path: str) -> bool:
    if isinstance(value, bool):
        return value
    raise BadInput(f"{path}: {shorten(value)} is not usable, write true or false")


def integer(low: int, high: int, unit: str = "") -> Check[int]:
    """Accept a whole number; an error names the ``unit``, as in "bytes"."""
    number = f"a whole number of {unit}" if unit else "a whole number"

    def check(value: object, path: str) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise BadInput(f"{path}: {shorten(value)} is not usable, write {number} from {low} to {high}")

    return check


def seconds(low: float, high: float) -> Check[float]:
    def check(value: object, path: str) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise BadInput(f"{path}: {shorten(value)} is not usable, write seconds from {low:.15g} to {high:.15g}")

    return check


moment = seconds(0, 1e12)
"""Accept a point in time, in seconds of the wall clock; 0: it is not known."""


def port(value: object, path: str) -> int:
    """Accept a port number, as a number or in quotes."""
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6 else value
    if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= 65535:
        return number
    raise BadInput(f"{path}: {shorten(value)} is not usable, write a port from 1 to 65535")


def one_of(*words: str) -> Check[str]:
    def check(value: object, path: str) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise BadInput(f"{path}: {shorten(value)} is not usable, write one of {', '.join(words)}")

    return check


def value_of(kind: type[E]) -> Check[E]:
    """Accept the value of a member of an enumeration."""
    check = one_of(*(member.value for member in kind))
    return lambda value, path: kind(check(value, path))


def refuse_more(members: Sized, path: str, most: int) -> None:
    """:raises BadInput: if a list or an object has more members than that."""
    if len(members) > most:
        raise BadInput(f"{path} has {len(members)} members, write at most {most}")


def list_of(check: Check[T], most: int | None = None) -> Check[list[T]]:
    def check_list(value: object, path: str) -> list[T]:
        if isinstance(value, list):
            if most is not None:
                refuse_more(value, path, most)
            return [check(item, f"{path}[{index}]") for index, item in enumerate(value)]
        raise BadInput(f"{path}: {shorten(value)} is not usable, write a list in [ ]")

    return check_list


def tuple_of(check: Check[T], most: int | None = None) -> Check[tuple[T, ...]]:
    """Accept a list as ``list_of`` does, for a value that does not change."""
    checked = list_of(check, most)
    return lambda value, path: tuple(checked(value, path))


texts = tuple_of(text)
free_texts = tuple_of(free_text)


def node_name(value: object, path: str) -> str:
    return check_label(value, "node")


def map_of(check: Check[T]) -> Check[dict[str, T]]:
    def check_map(value: object, path: str) -> dict[str, T]:
        if isinstance(value, dict):
            return {free_text(key, path): check(item, f"{path}.{shorten(key)[1:-1]}") for key, item in value.items()}
        raise BadInput(f"{path}: {shorten(value)} is not usable, write an object in {{ }}")

    return check_map


def record(value: object, path: str, checks: Mapping[str, Check[Any]]) -> dict[str, Any]:
    """
    Return the members of a JSON object under their proper names, with keys matched without regard to case.

    A member that is null counts as not given. :raises BadInput: naming an unknown key and the nearest known one.
    """
    if not isinstance(value, dict):
        raise BadInput(f"{path or 'the definition'}: {shorten(value)} is not usable, write an object in {{ }}")
    proper = {name.lower(): name for name in checks}
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = proper.get(key.lower())
        where = f"{path}.{key}" if path else key
        if name is None:
            raise BadInput(f"{shorten(where)[1:-1]} is not a known key{_nearest(key, proper)}")
        if name in found:
            raise BadInput(f"{where} is given twice, in different case")
        if item is not None:
            found[name] = checks[name](item, f"{path}.{name}" if path else name)
    return found


_OF_OTHERS = {
    "command": "Cmd",
    "depends_on": "After",
    "environment": "Env",
    "healthcheck": "Health",
    "ports": "PortBindings",
    "replicas": "Instances",
    "scale": "Instances",
}
"""The keys of other systems, as people know them from Compose, and ours."""


_OF_CONTAINERS = {
    name.lower(): name for name in ("Image", "Cmd", "Entrypoint", "Env", "Volumes", "Memory", "PortBindings")
}
"""Keys that people write beside ``Container`` and that belong into it."""


def _nearest(key: str, proper: Mapping[str, str]) -> str:
    known = _OF_OTHERS.get(key.lower(), "")
    inside = _OF_CONTAINERS.get((known or key).lower())
    if inside and "container" in proper:
        return f", did you mean Container.{inside}?"
    near = [known.lower()] if known in proper.values() else difflib.get_close_matches(key.lower(), proper, n=1)
    return f", did you mean {proper[near[0]]}?" if near else f": known are {', '.join(proper.values())}"
