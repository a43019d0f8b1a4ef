# -*- test-case-name: tests.unit.cli.test_output -*-
"""The streams of the command line, and the two forms of its output: JSON, and tables for people."""

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
    """The three standard streams; input is bytes, output is text."""

    stdin: BinaryIO
    stdout: TextIO
    stderr: TextIO

    def read_document(self) -> bytes:
        """Return all of stdin. :raises BadInput: it is empty, or larger than a definition may be."""
        data = self.stdin.read(MAX_DOCUMENT + 1)
        if not data.strip():
            raise BadInput("stdin is empty: give it a definition, as in daprdockrcmd -stdin <web.json")
        if len(data) > MAX_DOCUMENT:
            raise BadInput(f"stdin holds more than the {MAX_DOCUMENT} bytes that a definition may have")
        return data

    def print_json(self, value: object) -> None:
        """Print pure ASCII, so that no locale, and no control character in somebody's definition, upsets a terminal."""
        print(json.dumps(value, indent=2), file=self.stdout)

    def print_table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print columns as wide as their widest cell."""
        cells = [[printable(cell) for cell in row] for row in (header, *rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            line = _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print(line.rstrip(), file=self.stdout)

    def write(self, content: bytes) -> None:
        """Print bytes as they are."""
        self.stdout.flush()
        self.stdout.buffer.write(content)
        self.stdout.buffer.flush()

    def say(self, line: str) -> None:
        print(printable(line), file=self.stdout)

    def complain(self, line: str) -> None:
        print(f"daprdockrcmd: {printable(line)}", file=self.stderr)
