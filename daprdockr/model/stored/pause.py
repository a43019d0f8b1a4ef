"""The record of a pause, below ``Keys.pause``: an operator's request that the HTTP requests of a service wait."""

from __future__ import annotations

import enum

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.members import Members, all_members, decode_members, encode_members
from daprdockr.model.names import shorten

MAX_PAGE = 64 * 1024
"""The largest page, in bytes: nginx has all pages in memory."""


class PauseMode(enum.Enum):
    """Whether a request waits, or is answered at once."""

    HOLD = "hold"
    MAINTENANCE = "maintenance"


@frozen
class PauseRecord:
    """
    :ivar page: the answer of ``MAINTENANCE``; "" for the usual one.
    :ivar time: wall-clock seconds; 0: it is not known when.
    :ivar by: who asked for it, such as "anna@host".
    """

    mode: PauseMode = PauseMode.HOLD
    page: str = ""
    time: float = 0.0
    by: str = ""

    @classmethod
    def decode(cls, data: bytes) -> PauseRecord:
        """:raises BadInput: if ``data`` is not such a record, or its mode is one of a newer version."""
        return cls(**decode_members(data, _MEMBERS, required=("Mode",)))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _MEMBERS) | {"Mode": self.mode.value})

    def shown(self) -> dict[str, object]:
        """Return the JSON form for people: without the page, which may be long."""
        return {"Mode": self.mode.value, "Time": self.time, "By": self.by}

    def __str__(self) -> str:
        what = "under maintenance" if self.mode is PauseMode.MAINTENANCE else "paused"
        return f"{what} by {self.by}" if self.by else what


def check_page(text: str) -> str:
    """
    Return ``text`` if it can be a page.

    :raises BadInput: it is too large, or has control characters, which neither a text nor HTML has.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_PAGE:
        raise BadInput(f"the page has {size} bytes: at most {MAX_PAGE // 1024} KiB are kept")
    for character in text:
        if character < " " and character not in "\t\n\f\r":
            raise BadInput(f"the page contains {shorten(character)}: write a text or HTML")
    return text


def _page(value: object, path: str) -> str:
    return check_page(reading.free_text(value, path))


_MEMBERS: Members = {
    "Mode": ("mode", reading.value_of(PauseMode)),
    "Page": ("page", _page),
    "Time": ("time", reading.moment),
    "By": ("by", reading.author),
}
