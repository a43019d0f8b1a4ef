"""Events: sentences for people, kept in etcd for a short time below ``Keys.events``."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.last_words import MOST_LINES
from daprdockr.model.members import Members, all_members, encode_members

LIFE = 3600
"""Seconds of the lease that events stand under."""

_OVER = "healthy again", "is there at last", "is served on this node now"
"""Words in the events of agents that say that a trouble is over."""


@frozen(order=True)
class Event:
    """
    Something that happened. ``time`` is wall-clock seconds since the epoch on ``node``; ``subject`` is the service,
    instance, node or key concerned. ``lines`` are what a container logged before it ended. ``by`` is the person who did
    it, such as "anna@desk"; "" for what an agent reports.
    """

    time: float
    node: str
    subject: str
    text: str
    lines: tuple[str, ...] = ()
    by: str = ""

    @property
    def number(self) -> int:
        """The number of its key, unless that of an earlier event of the node is as high: see ``Keys.event``."""
        return int(self.time * 1_000_000)

    @property
    def is_trouble(self) -> bool:
        """Whether an agent reports that something fails; otherwise a person did it, or a trouble is over."""
        return not self.by and not any(words in self.text for words in _OVER)

    @classmethod
    def decode(cls, data: bytes) -> Event:
        """:raises BadInput: if ``data`` is not an event. Unknown members are ignored."""
        given = reading.parse_json(data)
        if not isinstance(given, dict):
            raise BadInput("the event is not an object")
        return cls(**{name: check(given.get(key), key) for key, (name, check) in _MEMBERS.items()})

    def encode(self) -> bytes:
        return encode_members(self.write())

    def write(self) -> dict[str, Any]:
        """Return the JSON form; ``decode`` gives an equal event back."""
        written = all_members(self, _MEMBERS)
        lines, by = written.pop("Lines"), written.pop("By")
        return written | ({"Lines": list(lines)} if lines else {}) | ({"By": by} if by else {})


def _lines(value: object, path: str) -> tuple[str, ...]:
    return tuple(reading.list_of(reading.free_text)(value or [], path)[-MOST_LINES:])


_MEMBERS: Members = {
    "Time": ("time", reading.moment),
    "Node": ("node", reading.free_text),
    "Subject": ("subject", reading.free_text),
    "Text": ("text", reading.free_text),
    "Lines": ("lines", _lines),
    "By": ("by", lambda value, path: reading.free_text(value or "", path)),
}
