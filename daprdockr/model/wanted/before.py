# -*- test-case-name: tests.unit.model.wanted.test_before -*-
"""The ``Before`` part of a definition: a command that has to succeed before a changed definition is rolled out."""

from __future__ import annotations

import hashlib
from typing import Any

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.members import Members, read_members
from daprdockr.model.wanted.schedule import Schedule

USUAL_DEADLINE = 600.0
"""Seconds, where none is stated."""


@frozen
class Before:
    """The ``command`` runs once for each rollout, in a container of the new definition; ``deadline`` in seconds."""

    command: tuple[str, ...]
    deadline: float = USUAL_DEADLINE

    @classmethod
    def read(cls, value: object, path: str) -> Before:
        """:raises BadInput: one line that names the place and the remedy."""
        given = read_members(value, path, _MEMBERS, required=("Cmd",))
        if not given["command"]:
            raise BadInput(f"{path}.Cmd is empty: name the program to run, or leave Before out")
        return cls(**given)

    def write(self) -> dict[str, Any]:
        return {"Cmd": list(self.command), **({"Deadline": self.deadline} if self.deadline != USUAL_DEADLINE else {})}

    @property
    def schedule(self) -> Schedule:
        """How it runs: as a job that runs once."""
        return Schedule(once=True, deadline=self.deadline)

    @property
    def mark(self) -> str:
        """Some digits that change with the command."""
        return hashlib.sha256("\0".join(self.command).encode()).hexdigest()[:8]


_MEMBERS: Members = {
    "Cmd": ("command", reading.tuple_of(reading.free_text, 256)),
    "Deadline": ("deadline", reading.seconds(1, 86400)),
}
