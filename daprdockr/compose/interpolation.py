"""Variables in the texts of a Compose file: ``$NAME``, ``${NAME:-default}`` and their kind, ``$$`` for a dollar."""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import define, field

from daprdockr.compose.tree import LinePlace, Override, PlacedMap, wrong
from daprdockr.model.errors import BadInput
from daprdockr.model.names import one_line, shorten
from daprdockr.model.reading import MAX_NESTING

LONGEST = 1024 * 1024
"""The most characters of one text with its variables replaced."""

UnsetVariables = dict[str, tuple[LinePlace, str]]
"""By the name of a variable that is not set, the place and the key that use it first."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_OPERATOR = re.compile(r":?[-?+]")


@define
class Interpolation:
    """
    The variables, and the names of those that a text used though they are not set.

    :ivar unset: for each such name, the place and the key that use it first.
    """

    variables: Mapping[str, str]
    unset: UnsetVariables = field(factory=dict)

    def tree(self, value: object, path: str = "", place: LinePlace | None = None) -> object:
        """Return a value with all texts in it replaced; keys stay as they are."""
        at = place or LinePlace("", 0)
        if isinstance(value, PlacedMap):
            found = PlacedMap((), value.places)
            for key, item in value.items():
                found[key] = self.tree(item, f"{path}.{key}".lstrip("."), value.at(key))
            return found
        if isinstance(value, list):
            return [self.tree(item, f"{path}[{number}]", at) for number, item in enumerate(value)]
        if isinstance(value, Override):
            return Override(self.tree(value.value, path, at))
        if not isinstance(value, str) or "$" not in value:
            return value
        try:
            text, missing = self.text(value)
        except BadInput as error:
            raise wrong(at, path, str(error)) from None
        for name in missing:
            self.unset.setdefault(name, (at, path))
        return text

    def text(self, template: str) -> tuple[str, list[str]]:
        """Return a text with its variables replaced, and the names of those that are not set."""
        missing: list[str] = []
        found = self._replaced(template, missing, MAX_NESTING)
        if len(found) > LONGEST:
            raise BadInput(f"with its variables it has more than {LONGEST} characters: make it shorter")
        return found, missing

    def _replaced(self, template: str, missing: list[str], depth: int) -> str:
        if not depth:
            raise BadInput(f"variables are nested deeper than {MAX_NESTING} levels")
        parts, size, position = [], 0, 0
        while (at := template.find("$", position)) >= 0:
            part, end = self._variable(template, at, missing, depth)
            parts += [template[position:at], part]
            size += len(part)
            if size > LONGEST:
                raise BadInput(f"with its variables it has more than {LONGEST} characters: make it shorter")
            position = end
        return "".join([*parts, template[position:]])

    def _variable(self, template: str, at: int, missing: list[str], depth: int) -> tuple[str, int]:
        """Return what stands for the dollar at this position, and where the text goes on."""
        after = template[at + 1 : at + 2]
        if after == "$":
            return "$", at + 2
        if after == "{":
            end = _closing(template, at + 1)
            return self._braced(template[at + 2 : end], missing, depth), end + 1
        name = _NAME.match(template, at + 1)
        if name is None:
            return "$", at + 1
        return self._value(name[0], missing), name.end()

    def _braced(self, inside: str, missing: list[str], depth: int) -> str:
        name = _NAME.match(inside)
        rest = inside[name.end() :] if name else ""
        operator = _OPERATOR.match(rest)
        if name is None or (rest and operator is None):
            raise BadInput(f"{shorten('${' + inside + '}')} is no variable: write ${{NAME}}, or $$ for a dollar")
        if operator is None:
            return self._value(name[0], missing)
        word, value = rest[operator.end() :], self.variables.get(name[0])
        given = value is not None and (value != "" or ":" not in operator[0])
        if operator[0].endswith("+"):
            return self._replaced(word, missing, depth - 1) if given else ""
        if given:
            return value or ""
        if operator[0].endswith("?"):
            reason = one_line(self._replaced(word, missing, depth - 1))
            raise BadInput(f"variable {name[0]} is not set" + (f": {reason}" if reason else ""))
        return self._replaced(word, missing, depth - 1)

    def _value(self, name: str, missing: list[str]) -> str:
        if name not in self.variables:
            missing.append(name)
        return self.variables.get(name, "")


def _closing(template: str, opening: int) -> int:
    """Return the position of the brace that closes the one at ``opening``."""
    depth = 0
    for found in re.compile(r"\$\{|\}").finditer(template, opening + 1):
        if found[0] == "}" and not depth:
            return found.start()
        depth += 1 if found[0] == "${" else -1
    raise BadInput(f"{shorten(template)} has ${{ without }}: write $$ for a dollar")
