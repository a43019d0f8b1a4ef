"""Definitions as YAML that ``apply`` reads."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from daprdockr.cli.yaml_documents import is_text
from daprdockr.model.wanted.definition import Definition


def written(definitions: Sequence[Definition]) -> str:
    """Return a document for each, in their order."""
    yaml: Any = import_module("yaml")

    class Dumper(yaml.SafeDumper):
        """Writes texts such that ``read_yaml`` reads texts."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    def represent(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None if is_text(value) else '"'
        if "\x85" in value:  # a line break of YAML 1.1, which only quotes keep as it is
            style = '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, represent)
    documents = [one.write() for one in definitions]
    return str(yaml.dump_all(documents, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110))
