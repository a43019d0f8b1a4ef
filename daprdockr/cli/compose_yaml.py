"""A Compose file as values with their places: YAML, with the tags ``!reset`` and ``!override``."""

from __future__ import annotations

import re
from typing import Any

from attrs import define

from daprdockr.cli.yaml_documents import YamlValues, read_by
from daprdockr.compose.tree import LinePlace, Override, PlacedMap, Reset
from daprdockr.model.errors import BadInput

MOST_BYTES = 1024 * 1024
"""The largest Compose file."""

_OCTAL = re.compile(r"0[0-7]+")


def read_compose(data: bytes, name: str) -> PlacedMap:
    """
    Return the one document of a Compose file.

    :param name: what the file is called in errors and findings.
    :raises BadInput: one line that names the place.
    """
    if len(data) > MOST_BYTES:
        raise BadInput(f"{name}: it has more than {MOST_BYTES} bytes: divide it, by include")
    try:
        values = read_by(data.decode("utf-8-sig"), lambda yaml, left: ComposeValues(yaml, left, name))
    except UnicodeDecodeError as error:
        raise BadInput(f"{name}: not YAML: byte {error.start} is not UTF-8") from None
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from None
    if len(values) != 1 or not isinstance(values[0], PlacedMap):
        raise BadInput(f"{name}: it is no Compose file: write one mapping, with services")
    return values[0]


@define
class ComposeValues(YamlValues):
    """:ivar name: the name of the file."""

    name: str

    def tagged(self, node: Any, depth: int) -> object:
        if node.tag == "!reset":
            return Reset()
        if node.tag != "!override":
            raise self.bad(node, f"the tag {node.tag} means nothing in a Compose file")
        node.tag = {"ScalarNode": "str", "SequenceNode": "seq"}.get(type(node).__name__, "map")
        node.tag = f"tag:yaml.org,2002:{node.tag}"
        return Override(self.read(node, depth))

    def scalar(self, node: Any) -> object:
        """Keep ``0440`` as it is written: permissions are octal."""
        return str(node.value) if _OCTAL.fullmatch(str(node.value)) else YamlValues.scalar(self, node)

    def mapping(self, node: Any, depth: int) -> dict[str, object]:
        found = PlacedMap(YamlValues.mapping(self, node, depth).items())
        for key, item in node.value:
            if key.value in found:
                found.places[key.value] = LinePlace(self.name, key.start_mark.line + 1)
            elif isinstance(merged := self._merged_places(item), dict):
                found.places = {**merged, **found.places}
        return found

    def _merged_places(self, node: Any) -> dict[str, LinePlace]:
        """Return the places of the keys that ``<<`` takes over."""
        parts = node.value if isinstance(node, self.yaml.SequenceNode) else [node]
        return {
            key.value: LinePlace(self.name, key.start_mark.line + 1)
            for part in parts
            if isinstance(part, self.yaml.MappingNode)
            for key, _ in part.value
        }
