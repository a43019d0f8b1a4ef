# -*- test-case-name: tests.unit.cli.test_documents -*-
"""
The definitions in files, for ``apply``, ``plan`` and ``diff``: JSON or YAML, many in one, a directory, or stdin.

All are read and checked before anything is done with one.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from attrs import frozen

from daprdockr.cli.stdin import read_stdin
from daprdockr.model.errors import BadInput
from daprdockr.model.names import ServiceName, one_line, printable
from daprdockr.model.reading import parse_json
from daprdockr.model.stored.history import RevisionRecord
from daprdockr.model.wanted.definition import Definition

STDIN = "-"
SUFFIXES = (".json", ".yaml", ".yml")
MAX_TEXT = 8 * 1024 * 1024
"""The most bytes of one file, or of stdin."""
MOST_DEFINITIONS = 10_000
"""The most definitions of all files."""
MOST_FILES = 10_000

_YAML = (".yaml", ".yml")
_JSON = re.compile(r"\s*[\[{]")
_COMPOSE = re.compile(rb"^(?:services|include)\s*:", re.MULTILINE)
_DIVIDED = re.compile(r"^---", re.MULTILINE)


@frozen
class Given:
    """A definition, and where it stands: ``web.yaml``, or ``web.yaml[2]`` if there are several."""

    place: str
    definition: Definition


ComposeReader = Callable[[str, bytes], Sequence[object]]
"""Returns the definitions of a Compose file, by its name and content. :raises BadInput: with its place."""


def read_definitions(
    names: Sequence[str], stdin: BinaryIO, compose: ComposeReader | None = None
) -> tuple[list[Given], list[BadInput]]:
    """
    Return the definitions in their order, and what is wrong with others, each with its place.

    :param names: files, directories, or ``STDIN``.
    :param compose: reads the files that are no definitions, but of Compose.
    :raises BadInput: something cannot be read, or there is none.
    """
    given: dict[ServiceName, Given] = {}
    wrong: list[BadInput] = []
    values = list(islice((found for name in names for found in _values(name, stdin, compose)), MOST_DEFINITIONS + 1))
    if len(values) > MOST_DEFINITIONS:
        raise BadInput(f"there are more than {MOST_DEFINITIONS} definitions: apply them in parts")
    for place, value in values:
        try:
            one = Given(place, _checked(value))
            if (other := given.setdefault(one.definition.name, one)) is not one:
                raise BadInput(f"{one.definition.name} is defined in {other.place} already: leave one out")
        except BadInput as error:
            wrong.append(BadInput(f"{place}: {error}"))
    if not values:
        raise BadInput(f"there is no definition in {', '.join(names)}: name a file with one, a directory, or -")
    return list(given.values()), wrong


def _checked(value: object) -> Definition:
    definition = Definition.read(value)
    try:
        RevisionRecord(definition).encode()
    except UnicodeEncodeError:
        raise BadInput("it holds half a character: write all of it in UTF-8") from None
    return definition


def _values(name: str, stdin: BinaryIO, compose: ComposeReader | None) -> Iterator[tuple[str, object]]:
    """Yield what stands for a definition each, with its place."""
    for place, whole in _texts(name, stdin):
        data = whole.removeprefix(BOM_UTF8)
        # The program that wrote an empty one has failed, and -prune would delete what was in it.
        if not data.strip():
            raise BadInput(f"{one_line(place)} is empty: write a definition, or a comment if it is to have none")
        try:
            values: Sequence[object] = [one for document in _documents(place, data) for one in _each(document)]
            is_other = any(is_compose(one) for one in values)
        except BadInput as error:
            is_other = _COMPOSE.search(data) is not None  # Compose has tags that mean nothing in a definition
            if not is_other or compose is None:
                raise BadInput(f"{place}: {error}") from None
        if is_other and compose is not None:
            values = compose(place, data)
        for number, value in enumerate(values, 1):
            yield (place if len(values) == 1 else f"{place}[{number}]"), value


def is_compose(document: object) -> bool:
    """Return whether a document is of Compose: it has keys at its top that no definition has."""
    return isinstance(document, dict) and ("services" in document or "include" in document)


def _each(document: object) -> list[object]:
    return document if isinstance(document, list) else [document]


def _documents(place: str, data: bytes) -> list[object]:
    """Return the documents of one text. :raises BadInput: it is neither JSON nor YAML."""
    suffix = Path(place).suffix.lower()
    if suffix == ".json":
        return [parse_json(data, MAX_TEXT)]
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"not YAML: byte {error.start} is not UTF-8") from None
    if _JSON.match(text) and not _DIVIDED.search(text):
        with suppress(BadInput) if suffix in _YAML else nullcontext():  # a mapping of YAML may have braces too
            return [parse_json(data, MAX_TEXT)]
    from daprdockr.cli.yaml_documents import read_yaml  # JSON needs none of it

    # Once more through JSON: what cannot be written as JSON must not get further than here.
    return [parse_json(json.dumps(document).encode(), MAX_TEXT * 8) for document in read_yaml(text)]


def _texts(name: str, stdin: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Yield files, each with its name. :raises BadInput: one cannot be read."""
    if name == STDIN:
        yield "stdin", _bounded("stdin", read_stdin(stdin, MAX_TEXT + 1))
        return
    for path in _files(Path(name)):
        try:
            with path.open("rb") as file:
                yield str(path), _bounded(str(path), file.read(MAX_TEXT + 1))
        except (OSError, ValueError) as error:
            raise _unreadable(str(path), error) from None


def _files(path: Path) -> list[Path]:
    try:
        if not path.is_dir():
            return [path]
        found = sorted(one for one in path.iterdir() if one.suffix.lower() in SUFFIXES and not one.name.startswith("."))
        odd = next((one for one in found if one.exists() and not one.is_file()), None)
    except (OSError, ValueError) as error:
        raise _unreadable(str(path), error) from None
    if len(found) > MOST_FILES:
        raise BadInput(f"{printable(str(path))} holds more than {MOST_FILES} files: apply it in parts")
    if odd is not None:  # reading a pipe that nobody writes to would not end
        raise BadInput(f"{printable(str(odd))} is no file: move it out of the directory")
    return found


def _bounded(name: str, data: bytes) -> bytes:
    if len(data) > MAX_TEXT:
        raise BadInput(f"{one_line(name)} holds more than {MAX_TEXT} bytes: divide it")
    return data


def _unreadable(name: str, error: Exception) -> BadInput:
    reason = getattr(error, "strerror", None) or "no file has such a name"
    return BadInput(f"{printable(name)} cannot be read: {reason}")
