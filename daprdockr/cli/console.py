# -*- test-case-name: tests.unit.cli.test_output -*-
"""The streams of the command line, and the two forms of its output: JSON, and tables for people."""

from __future__ import annotations

import json
import os
from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO, TextIO

from attrs import frozen

from daprdockr.cli.stdin import read_stdin
from daprdockr.model.errors import BadInput
from daprdockr.model.names import printable
from daprdockr.model.reading import MAX_DOCUMENT
from daprdockr.picture.wrapped import columns as in_columns


@frozen
class Console:
    """The three standard streams; input is bytes, output is text."""

    stdin: BinaryIO
    stdout: TextIO
    stderr: TextIO

    def read_document(self) -> bytes:
        """
        Return all of stdin, without the mark that editors of Windows begin a text with.

        :raises BadInput: it is empty, or larger than a definition may be.
        """
        data = read_stdin(self.stdin, MAX_DOCUMENT + 1).removeprefix(BOM_UTF8)
        if not data.strip():
            raise BadInput("stdin is empty: give it a definition, as in daprdockrcmd -stdin <web.json")
        if len(data) > MAX_DOCUMENT:
            raise BadInput(f"stdin holds more than the {MAX_DOCUMENT} bytes that a definition may have")
        return data

    def print_json(self, value: object) -> int:
        """
        Print pure ASCII, so that no locale, and no control character in somebody's definition, upsets a terminal.
        Return the number of bytes.
        """
        text = json.dumps(value, indent=2) + "\n"
        print(text, end="", file=self.stdout, flush=True)
        return len(text)

    def print_json_lines(self, values: Iterable[object]) -> None:
        """Print each in a line of its own, at once."""
        for value in values:
            print(json.dumps(value), file=self.stdout, flush=True)

    def print_table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print columns as wide as their widest cell; the last one is folded to the width of a terminal."""
        for line in in_columns([[printable(cell) for cell in row] for row in (header, *rows)], self.columns()):
            print(line, file=self.stdout)

    def print_rows(self, rows: Sequence[Sequence[str]], least: Sequence[int]) -> None:
        """Print rows of a table at once, below others that were printed with these least widths of its columns."""
        for row in rows:
            for line in in_columns([[printable(cell) for cell in row]], self.columns(), least):
                print(line, file=self.stdout, flush=True)

    def columns(self) -> int:
        """Return the columns of the terminal; 0 if stdout is none, so that each row stays one line for programs."""
        try:
            return os.get_terminal_size(self.stdout.fileno()).columns
        except OSError:
            return 0

    def write(self, content: bytes) -> None:
        """Print bytes as they are."""
        self.stdout.flush()
        self.stdout.buffer.write(content)
        self.stdout.buffer.flush()

    def say_doubts(self, doubted: Mapping[str, str]) -> None:
        """Print a line for each node that doubts this etcd, and therefore does nothing, with its reason."""
        from daprdockr.model.stored.doubts import COMMAND

        for node, reason in doubted.items():
            self.say(f"{node} is frozen, it doubts this etcd: {reason} ({COMMAND} shows what to do)")

    def say(self, line: str) -> None:
        """Print a line at once, into a pipe too: its reader may be waiting for just this one."""
        print(printable(line), file=self.stdout, flush=True)

    def tell(self, line: str) -> None:
        """Print a line about the progress to stderr, at once."""
        print(printable(line), file=self.stderr, flush=True)

    def complain(self, line: str) -> None:
        print(f"daprdockrcmd: {printable(line)}", file=self.stderr)
