# -*- test-case-name: tests.unit.cli.test_output -*-
"""Where the command line reads and prints, and the two forms of what it prints: JSON, and tables for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import BinaryIO, TextIO

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.names import printable
from daprdockr.model.reading import MAX_DOCUMENT

_GAP = "   "


@frozen
class Console:
    """The three standard streams; what is read is bytes, what is printed is text."""

    stdin: BinaryIO
    stdout: TextIO
    stderr: TextIO

    def read_document(self) -> bytes:
        """All of stdin. :raises BadInput: if it is larger than a definition may be."""
        data = self.stdin.read(MAX_DOCUMENT + 1)
        if len(data) > MAX_DOCUMENT:
            raise BadInput(f"stdin holds more than the {MAX_DOCUMENT} bytes that a definition may have")
        return data

    def print_json(self, value: object) -> None:
        """Pure ASCII, so that no locale, and no control character in somebody's definition, upsets a terminal."""
        print(json.dumps(value, indent=2), file=self.stdout)

    def print_table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Columns as wide as their widest cell."""
        cells = [[printable(cell) for cell in row] for row in (header, *rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            line = _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print(line.rstrip(), file=self.stdout)

    def say(self, line: str) -> None:
        print(printable(line), file=self.stdout)

    def complain(self, line: str) -> None:
        print(f"daprdockrcmd: {printable(line)}", file=self.stderr)
