"""Files of variables: ``.env``, ``env_file`` and ``label_file``."""

from __future__ import annotations

import io
import re
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from daprdockr.compose.interpolation import Interpolation, UnsetVariables
from daprdockr.compose.tree import Finding, LinePlace
from daprdockr.model.errors import BadInput

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

ReadFile = Callable[[str], bytes | None]
"""Returns the content of a file, None if there is none. :raises BadInput: it cannot be read, or is too large."""


def read_variables(
    data: bytes, name: str, known: Mapping[str, str], raw: bool = False, unset: UnsetVariables | None = None
) -> dict[str, str | None]:
    """
    Return the variables of a file; None for a name without a value, which is for the environment to give.

    :param known: values for ``$NAME`` in a value, beside those above it in the file; in single quotes it stays.
    :param raw: values are taken as they stand, quotes and dollars included.
    :param unset: gets the variables that a value uses though they are not set.
    :raises BadInput: a line is none.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{name}: byte {error.start} is not UTF-8") from None
    return _raw(text, name) if raw else _read(text, name, known, {} if unset is None else unset)


def _read(text: str, name: str, known: Mapping[str, str], unset: UnsetVariables) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    above: dict[str, str] = {}
    whole = Interpolation(ChainMap(dict(known), above))
    for one in _bindings(text):
        if one.error:
            raise BadInput(f"{name}:{one.original.line}: not usable, write NAME=value")
        if one.key is None:
            continue
        quote = one.original.string.partition("=")[2].lstrip()[:1]
        found[one.key] = one.value
        if one.value is None or quote == "'":
            above.pop(one.key, None)
            above |= {} if one.value is None else {one.key: one.value}
            continue
        value = _with_dollars(one.original.string) if quote == '"' else one.value
        try:
            above[one.key], missing = whole.text(value)
            found[one.key] = above[one.key]
            unset.update(
                (other, (LinePlace(name, one.original.line), one.key)) for other in missing if other not in unset
            )
        except BadInput as error:
            raise BadInput(f"{name}:{one.original.line}: {one.key}: {error}") from None
    return found


def unset_in_file(unset: UnsetVariables, weighty: bool) -> Iterator[Finding]:
    """Yield a finding for each variable that a file of variables uses though it is not set."""
    for name, (place, key) in unset.items():
        remedy = f"write $$ for a dollar, or ${{{name}:-}}"
        yield Finding(place, key, f"variable {name} is not set, it counts as empty: {remedy}", weighty)


def _bindings(text: str) -> Iterator[Any]:
    from dotenv.parser import parse_stream  # only a Compose file needs it

    return parse_stream(io.StringIO(text))


def _with_dollars(line: str) -> str:
    """Return the value of a line in double quotes, in which ``\\$`` is a dollar, as ``$$`` is: a parser keeps both."""
    doubled = _ESCAPED.sub(lambda found: "$$" if found[1] == "$" else found[0], line)
    return "".join(one.value or "" for one in _bindings(doubled))


def _raw(text: str, name: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for number, written in enumerate(text.split("\n"), 1):
        line = written.removesuffix("\r").lstrip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not key.strip():
            raise BadInput(f"{name}:{number}: not usable, write NAME=value")
        found[key.strip()] = value if equals else None
    return found
