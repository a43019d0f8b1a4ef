# -*- test-case-name: tests.unit.cli.test_documents -*-
"""
YAML as the JSON that it stands for.

PyYAML parses it into nodes, and no further: its own values follow YAML 1.1, in which ``no`` is false and ``22:30`` a
number. Here a plain word is what JSON would read it as (YAML 1.2's core schema), and text otherwise. Anchors and merge
keys work; how much they can multiply is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from attrs import define

from daprdockr.model.errors import BadInput
from daprdockr.model.names import one_line, shorten
from daprdockr.model.reading import MAX_NESTING

MOST_VALUES = 200_000
"""The most values of one document, with each alias counted as what it stands for."""

_CORE = "tag:yaml.org,2002:"
_TAGS = {_CORE + name for name in ["str", "int", "float", "bool", "null", "timestamp", "merge", "value", "seq", "map"]}
"""Those that PyYAML gives by itself; others are asked for, and JSON has no such values."""
_QUOTED = ("'", '"', "|", ">")
"""The styles of a text that is no plain word."""
_WORDS = {word: None for word in ("", "~", "null", "Null", "NULL")} | {
    form: value for value in (True, False) for form in (str(value), str(value).lower(), str(value).upper())
}
_PLAIN_NUMBER = re.compile(r"[-+]?(0|[1-9]\d*)", re.ASCII)
_NUMBER = re.compile(r"[-+]?(\d+|(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?)", re.ASCII)


def is_text(word: str) -> bool:
    """Return whether a plain word is a text here."""
    return word not in _WORDS and not _NUMBER.fullmatch(word)


def read_yaml(text: str) -> list[object]:
    """Return the documents. :raises BadInput: one line that names the place."""
    return read_by(text, YamlValues)


def read_by(text: str, reader: Callable[[Any, int], YamlValues]) -> list[object]:
    """
    Return the documents as a reader makes values of them.

    :raises BadInput: one line that names the place.
    """
    yaml: Any = import_module("yaml")  # here, because only who applies a file of YAML waits for it
    try:
        nodes = list(yaml.compose_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        values = [reader(yaml, MOST_VALUES).read(node) for node in nodes if node is not None]
        return [value for value in values if value is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        tab = ": indent with spaces, not with a tab" if mark is not None and text[mark.index :][:1] == "\t" else ""
        raise BadInput(f"not YAML: {one_line(getattr(error, 'problem', None) or str(error))}{where}{tab}") from None
    except RecursionError:
        raise BadInput("not usable: the YAML is nested too deep") from None


@define
class YamlValues:
    """
    From nodes to values.

    :ivar left: how many more values there may be.
    """

    yaml: Any
    left: int

    def read(self, node: Any, depth: int = MAX_NESTING) -> object:
        self.left -= 1
        if self.left < 0:
            raise BadInput(f"not usable: the YAML stands for more than {MOST_VALUES} values")
        if not depth:
            raise self.bad(node, f"it is nested deeper than {MAX_NESTING} levels")
        if node.tag not in _TAGS:
            return self.tagged(node, depth)
        if isinstance(node, self.yaml.ScalarNode):
            return self.scalar(node)
        if isinstance(node, self.yaml.SequenceNode):
            return [self.read(item, depth - 1) for item in node.value]
        return self.mapping(node, depth)

    def tagged(self, node: Any, depth: int) -> object:
        """Return what a node with a tag of its own stands for."""
        raise self.bad(node, f"the tag {shorten(node.tag)} means nothing in a definition")

    def scalar(self, node: Any) -> object:
        text = str(node.value)
        if node.style in _QUOTED or (node.tag == f"{_CORE}str" and _PLAIN_NUMBER.fullmatch(text)):
            return text  # quoted, or tagged as text
        if text in _WORDS:
            return _WORDS[text]
        if not _NUMBER.fullmatch(text):
            return text
        try:
            return int(text) if text.lstrip("+-").isdigit() else float(text)
        except ValueError as error:  # a number with thousands of digits
            raise self.bad(node, str(error)) from None

    def mapping(self, node: Any, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        merged: dict[str, object] = {}
        for key, item in node.value:
            if not isinstance(key, self.yaml.ScalarNode):
                raise self.bad(key, "a key has to be text")
            if key.value == "<<" and key.style not in _QUOTED:
                for part in self._merged(item, depth):
                    merged = part | merged
            elif key.value in found:
                raise self.bad(key, f"key {shorten(key.value)} is given twice")
            else:
                found[key.value] = self.read(item, depth - 1)
        return merged | found

    def _merged(self, node: Any, depth: int) -> Iterator[dict[str, object]]:
        for part in node.value if isinstance(node, self.yaml.SequenceNode) else [node]:
            value = self.read(part, depth - 1)
            if not isinstance(value, dict):
                raise self.bad(part, "<< takes an object, or a list of them")
            yield value

    def bad(self, node: Any, reason: str) -> BadInput:
        mark = node.start_mark
        return BadInput(f"{reason} (line {mark.line + 1}, column {mark.column + 1})")
