"""
The keys of a schema of the Compose specification, for ``tests/compose/specification.txt``.

    go mod download -json github.com/compose-spec/compose-go/v2@latest
    .venv/bin/python -m tools.compose_keys DIR/schema/compose-spec.json > tests/compose/specification.txt
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PLAIN = {"string_or_list", "list_or_dict", "list_of_strings", "command", "env_file", "label_file"}
"""Definitions of the schema that are texts, lists of them, or names of a file's own."""

Schema = dict[str, Any]


def keys(schema: Schema) -> list[str]:
    """The paths of all keys: ``*`` is a name of a file's own, ``[]`` an item of a list."""
    return list(dict.fromkeys(_below(schema, "", schema.get("$defs") or schema["definitions"])))


def _below(value: Schema, path: str, definitions: Schema) -> Iterator[str]:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        if name not in PLAIN:
            yield from _below(definitions[name], path, definitions)
        return
    for key, item in value.get("properties", {}).items():
        yield f"{path}.{key}".lstrip(".")
        yield from _below(item, f"{path}.{key}".lstrip("."), definitions)
    for pattern, item in value.get("patternProperties", {}).items():
        if pattern != "^x-":
            yield from _below(item, f"{path}.*", definitions)
    for part in ("oneOf", "anyOf", "allOf"):
        for item in value.get(part, ()):
            yield from _below(item, path, definitions)
    if isinstance(value.get("items"), dict):
        yield from _below(value["items"], f"{path}[]", definitions)


if __name__ == "__main__":
    print("\n".join(keys(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
