# -*- test-case-name: tests.unit.compose.test_definitions -*-
"""One service of a file on its way to a definition."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from attrs import define, field

from daprdockr.compose.loading import Project
from daprdockr.compose.merging import as_table
from daprdockr.compose.tree import Finding, LinePlace, PlacedMap, wrong
from daprdockr.compose.variables import ReadFile
from daprdockr.model.errors import BadInput
from daprdockr.model.stored.mirrored_keys import FileKey, SecretKey

T = TypeVar("T")

OWN = "x-daprdockr"
"""An extension of ours: members of the definition, which replace what the rest of the service gives."""


@define(eq=False)
class ComposeService:
    """
    :ivar name: its name in the file; ``label`` is the one that it gets.
    :ivar project: of which volumes, secrets and stored files have the name in front of theirs.
    :ivar container: the ``Container`` of the definition.
    :ivar definition: its other members.
    """

    name: str
    place: LinePlace
    given: PlacedMap
    project: Project
    files: ReadFile
    findings: list[Finding]
    container: dict[str, Any] = field(factory=dict)
    definition: dict[str, Any] = field(factory=dict)

    @property
    def label(self) -> str:
        return label(self.name)

    @property
    def own(self) -> Mapping[str, Any]:
        """Return the members that are given below ``x-daprdockr``."""
        return self.read(OWN, as_table) or {}

    def path(self, key: str = "") -> str:
        return f"services.{self.name}.{key}".rstrip(".")

    def holder(self, key: str) -> tuple[PlacedMap, str]:
        """Return the mapping in which a key such as ``deploy.replicas`` stands, and its last part."""
        table, (*parts, last) = self.given, key.split(".")
        for number, part in enumerate(parts):
            try:
                table = as_table(table.get(part))
            except BadInput as error:
                raise wrong(table.at(part), self.path(".".join(parts[: number + 1])), str(error)) from None
        return table, last

    def at(self, key: str) -> LinePlace:
        table, last = self.holder(key)
        return table.at(last)

    def get(self, key: str) -> object:
        table, last = self.holder(key)
        return table.get(last)

    def read(self, key: str, reader: Callable[[object], T]) -> T | None:
        """Return what is given at a key as a reader has it; None if nothing is."""
        value = self.get(key)
        return None if value is None else self.taken(key, value, reader)

    def taken(self, key: str, value: object, reader: Callable[[object], T]) -> T:
        """:raises BadInput: with the place of the key."""
        try:
            return reader(value)
        except BadInput as error:
            raise wrong(self.at(key.partition("[")[0]), self.path(key), str(error)) from None

    def declared(self, part: str, name: str, key: str, reader: Callable[[object], T]) -> T | None:
        """
        Return what the top of the file says at a key of a volume, config or secret; None if nothing.

        :raises BadInput: with the place of that key.
        """
        table = self.project.named(part)[name]
        value = table.get(key)
        try:
            return None if value is None else reader(value)
        except BadInput as error:
            raise wrong(table.at(key), f"{part}.{name}.{key}", str(error)) from None

    def find(self, key: str, text: str, weighty: bool = True) -> None:
        """Name a key that is not carried over."""
        self.findings.append(Finding(self.at(key.partition("[")[0]), self.path(key), text, weighty))

    def find_value(self, key: str, text: str, value: SecretKey | FileKey, stamp: str = "") -> None:
        """Name a secret or a file that somebody has to set: once, though several services use it."""
        if not any((one.text, one.value) == (text, value) for one in self.findings):
            self.findings.append(Finding(self.at(key.partition("[")[0]), self.path(key), text, False, value, stamp))

    def owned(self, name: str) -> str:
        """Return the name in the cluster of something of the project's own."""
        return f"{self.project.name}_{name}"


def label(name: str) -> str:
    """Return the DNS label for a name of a file."""
    return re.sub(r"[_.]+", "-", name.lower()).strip("-")
