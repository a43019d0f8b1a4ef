"""The ``Update`` part of a definition: how a rollout proceeds."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.members import Members, changed_members, read_members
from daprdockr.model.names import MAX_INSTANCES


@frozen
class Update:
    """
    How a rollout proceeds: whether the new copy of an instance starts before the old one stops ("start-first") or after
    it ("stop-first"), how many instances at a time, for how many seconds a new copy has to be healthy, the deadline in
    seconds, what happens on failure ("revert" or "pause"), and how long a replaced instance drains, in seconds.
    """

    order: str = "start-first"
    parallelism: int = 1
    min_healthy: float = 5
    deadline: float = 300
    on_failure: str = "revert"
    drain: float = 10

    @property
    def longest_start(self) -> float:
        """The seconds in which a new copy has to be proven: healthy by the deadline, and for long enough."""
        return self.deadline + self.min_healthy

    @classmethod
    def read(cls, value: object, path: str) -> Update:
        return cls(**read_members(value, path, _MEMBERS))

    def write(self) -> dict[str, Any]:
        return changed_members(self, Update(), _MEMBERS)


_MEMBERS: Members = {
    "Order": ("order", reading.one_of("start-first", "stop-first")),
    "Parallelism": ("parallelism", reading.integer(1, MAX_INSTANCES)),
    "MinHealthy": ("min_healthy", reading.seconds(0, 3600)),
    "Deadline": ("deadline", reading.seconds(1, 86400)),
    "OnFailure": ("on_failure", reading.one_of("revert", "pause")),
    "Drain": ("drain", reading.seconds(0, 3600)),
}
