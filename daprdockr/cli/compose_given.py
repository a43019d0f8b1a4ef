# -*- test-case-name: tests.unit.cli.commands.test_apply_compose -*-
"""Compose files among the files of ``apply``, ``plan`` and ``diff``."""

from __future__ import annotations

import io
from collections.abc import Sequence

from attrs import field, frozen

from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.compose.tree import Finding
from daprdockr.model.errors import BadInput
from daprdockr.model.known.values import Values

_CALLED = "stdin"


@frozen
class ComposeGiven:
    """
    Reads them, and complains of each key that is left out.

    :ivar unset: what is to be said unless a secret or a file is set, which only etcd knows.
    """

    request: Request
    console: Console
    unset: list[Finding] = field(factory=list)

    def __call__(self, name: str, data: bytes) -> Sequence[object]:
        """:raises BadInput: the services would mean something else, and nobody has said that this is known."""
        from daprdockr.cli.compose_files import STDIN, import_files  # files of definitions need none of it

        file = STDIN if name == _CALLED else name
        known = {file: data}  # a pipe cannot be read again
        found = import_files([file], io.BytesIO(), self.request.environment, self.request.profiles, known=known)
        self.unset.extend(one for one in found.findings if one.value is not None)
        for one in found.findings:
            if one.value is None:
                self.console.complain(str(one))
        if found.weighty and not self.request.incomplete:
            keys = ", ".join(one.path for one in found.weighty[:3]) + (", ..." if len(found.weighty) > 3 else "")
            raise BadInput(f"{name}: without {keys} it means something else: change the file, or add -incomplete")
        return [one.write() for one in found.definitions]

    def complain_of_unset(self, values: Values) -> None:
        """Name the secrets that nobody has set yet, and the files that nobody has set to their present content."""
        for one in self.unset:
            if one.value is not None and not values.has(one.value, one.stamp):
                self.console.complain(str(one))
