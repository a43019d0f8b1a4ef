# -*- test-case-name: tests.unit.cli.test_main -*-
"""Reading stdin, which may be closed, open for writing only, or the terminal of a shell that has ended."""

from __future__ import annotations

from typing import BinaryIO

from daprdockr.model.errors import BadInput


def read_stdin(stdin: BinaryIO, most: int) -> bytes:
    """Return what there is, no more than so many bytes. :raises BadInput: it cannot be read."""
    try:
        return stdin.read(most)
    except (OSError, ValueError) as error:
        raise BadInput(f"stdin cannot be read: {getattr(error, 'strerror', None) or error}") from None
