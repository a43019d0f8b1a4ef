# -*- test-case-name: tests.unit.cli.commands.test_apply_compose -*-
"""Compose files among the files of ``apply``, ``plan`` and ``diff``."""

from __future__ import annotations

import io
from collections.abc import Sequence

from attrs import frozen

from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput

_CALLED = "stdin"


@frozen
class ComposeGiven:
    """Reads them, and complains of each key that is left out."""

    request: Request
    console: Console

    def __call__(self, name: str, data: bytes) -> Sequence[object]:
        """:raises BadInput: the services would mean something else, and nobody has said that this is known."""
        from daprdockr.cli.compose_files import STDIN, import_files  # files of definitions need none of it

        file = STDIN if name == _CALLED else name
        found = import_files([file], io.BytesIO(data), self.request.environment, self.request.profiles)
        for one in found.findings:
            self.console.complain(str(one))
        if found.weighty and not self.request.incomplete:
            keys = ", ".join(one.path for one in found.weighty[:3]) + (", ..." if len(found.weighty) > 3 else "")
            raise BadInput(f"{name}: without {keys} it means something else: change the file, or add -incomplete")
        return [one.write() for one in found.definitions]
