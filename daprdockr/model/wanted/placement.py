"""The ``Placement`` part of a definition: the nodes on which instances may run."""

from __future__ import annotations

import re
from typing import Any

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.members import Members, read_members
from daprdockr.model.names import shorten

_CONSTRAINT = re.compile(
    r"\s*([A-Za-z0-9][A-Za-z0-9._/-]{0,62})\s*(==|!=)\s*([A-Za-z0-9][A-Za-z0-9._/-]{0,62})\s*", re.ASCII
)

MOST_CONSTRAINTS = 64
"""The most constraints of a definition: each node tries them against each node, whenever it ranks them."""

WAIT_FOR_VOLUME = 300
"""Seconds: a host that is only started anew is back by then, and nobody needs to know."""


@frozen
class Constraint:
    """A condition on a node's labels: ``zone == a`` or ``disk != slow``. A label that a node lacks equals nothing."""

    label: str
    equal: bool
    value: str

    @classmethod
    def read(cls, value: object, path: str) -> Constraint:
        match = _CONSTRAINT.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise BadInput(f"{path}: {shorten(value)} is not usable, write label == value or label != value")
        return cls(label=match[1], equal=match[2] == "==", value=match[3])

    def write(self) -> str:
        return f"{self.label} {'==' if self.equal else '!='} {self.value}"


@frozen
class Placement:
    """
    Where instances may run: on nodes that meet all constraints, and at most one on each if ``one_per_node``. One that
    waits for the node with its volumes counts as overdue after ``wait_for_volume`` seconds.
    """

    constraints: tuple[Constraint, ...] = ()
    one_per_node: bool = False
    wait_for_volume: int = WAIT_FOR_VOLUME

    @classmethod
    def read(cls, value: object, path: str) -> Placement:
        return cls(**read_members(value, path, _MEMBERS))

    def write(self) -> dict[str, Any]:
        written: dict[str, Any] = {}
        if self.constraints:
            written["Constraints"] = [constraint.write() for constraint in self.constraints]
        if self.one_per_node:
            written["OnePerNode"] = True
        if self.wait_for_volume != WAIT_FOR_VOLUME:
            written["WaitForVolume"] = self.wait_for_volume
        return written


_MEMBERS: Members = {
    "Constraints": ("constraints", reading.tuple_of(Constraint.read, MOST_CONSTRAINTS)),
    "OnePerNode": ("one_per_node", reading.boolean),
    "WaitForVolume": ("wait_for_volume", reading.integer(0, 86400)),
}
