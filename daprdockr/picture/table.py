# -*- test-case-name: tests.unit.picture.test_tables -*-
"""A table: rows for programs (JSON), and columns that make each row's cells for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

Row = Mapping[str, Any]
Column = tuple[str, Callable[[Row], str]]
"""A heading, and the function that makes the cell below it from a row."""


@frozen
class Table:
    """A list of rows, and their columns for people."""

    rows: Sequence[Row]
    columns: Sequence[Column]

    @property
    def header(self) -> list[str]:
        return [heading for heading, _ in self.columns]

    @property
    def cells(self) -> list[list[str]]:
        return [[cell(row) or "-" for _, cell in self.columns] for row in self.rows]
