"""The record of a rollout that did not end well, below ``Keys.rollouts``: what became of it, why, and where."""

from __future__ import annotations

import enum
from typing import Any

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.last_words import MOST_LINES
from daprdockr.model.members import Members, all_members, decode_members, encode_members
from daprdockr.model.wanted.definition import Definition

LONGEST_TEXT = 300
"""Characters of the reason, and of each line, that are kept."""


class RolloutState(enum.Enum):
    """The end of a rollout. ``FAILED``: there was no revision to go back to."""

    REVERTED = "reverted"
    PAUSED = "paused"
    FAILED = "failed"


@frozen
class RolloutRecord:
    """
    A rollout from the definition with the digest ``before`` to the one with ``to``. ``reason`` says why it did not go
    on, ``node`` and ``instance`` where that was seen, and ``lines`` are the last that this instance logged; or, if it
    was the command before the rollout that failed, the ``run`` with that number (0: it was not). A person who has
    taken note of a revert has ``acknowledged`` it.
    """

    state: RolloutState
    before: str = ""
    to: str = ""
    reason: str = ""
    node: str = ""
    instance: str = ""
    lines: tuple[str, ...] = ()
    run: int = 0
    acknowledged: bool = False

    @classmethod
    def decode(cls, data: bytes) -> RolloutRecord:
        """:raises BadInput: if ``data`` is not such a record, or its state is one of a newer version."""
        return cls(**decode_members(data, _MEMBERS, required=("State",)))

    def encode(self) -> bytes:
        return encode_members(self.write())

    def write(self) -> dict[str, Any]:
        """Return the JSON form; ``decode`` gives an equal record back."""
        return all_members(self, _MEMBERS) | {"State": self.state.value, "Lines": list(self.lines)}

    def concerns(self, definition: Definition) -> bool:
        """
        Return whether it is about the present definition: nobody has stored another one since. The containers that
        failed may have had a wrong secret; a revert puts a definition back, as it is stored.
        """
        if self.state is RolloutState.REVERTED:
            return definition.stated.digest == self.before
        return definition.digest == self.to

    def wants_attention(self, definition: Definition) -> bool:
        """Return whether it is about the present definition, and no person has taken note of it yet."""
        return not self.acknowledged and self.concerns(definition)

    def __str__(self) -> str:
        seen = " on ".join(filter(None, (self.instance, self.node)))
        return f"the rollout {_SAYS[self.state]}: {': '.join(filter(None, (seen, self.reason)))}".rstrip(": ")


_SAYS = {
    RolloutState.REVERTED: "was reverted",
    RolloutState.PAUSED: "is paused",
    RolloutState.FAILED: "has failed",
}


_line = reading.line(LONGEST_TEXT)


def _lines(value: object, path: str) -> tuple[str, ...]:
    return tuple(reading.list_of(_line)(value, path)[-MOST_LINES:])


_MEMBERS: Members = {
    "State": ("state", reading.value_of(RolloutState)),
    "From": ("before", reading.text),
    "To": ("to", reading.text),
    "Reason": ("reason", _line),
    "Node": ("node", reading.text),
    "Instance": ("instance", reading.text),
    "Lines": ("lines", _lines),
    "Run": ("run", reading.integer(0, 2**53)),
    "Acknowledged": ("acknowledged", reading.boolean),
}
