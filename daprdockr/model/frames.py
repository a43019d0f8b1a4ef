"""
The frames of a session between a command line and the agent of a node: docs/design/peer.rst.

On the wire a frame is its length in four octets, the most significant first, one octet for its kind, and its content.
"""

from __future__ import annotations

import struct
from enum import Enum

from attrs import define, field

from daprdockr.model.errors import BadInput

MAX_CONTENT = 32 * 1024
"""The most octets of content in a frame that we send; so much of a stream is in memory on its way."""
MAX_FRAME = 64 * 1024
"""The most octets of a frame that we take."""

_LENGTH = struct.Struct("!I")


class FrameKind(Enum):
    """The content of a frame. A kind that only a newer program knows ends the session."""

    ASK = b"?"
    """From the command line, the first one: the token and what is asked for, as JSON."""
    ACCEPTED = b"+"
    """From the agent: it begins."""
    REFUSED = b"!"
    """
    From the agent, the last one: one line that says why it does not begin, or cannot go on. If that will soon have
    passed by itself, a STATUS with ``BUSY`` follows; if it asks for what does not exist, one with ``ABSENT``. An older
    command line does not read them.
    """
    NOTE = b"n"
    """From the agent: one line for the person, beside the output."""
    INPUT = b"i"
    INPUT_ENDS = b"e"
    WINDOW = b"w"
    """From the command line: rows and columns of the terminal, two octets each."""
    SIGNAL = b"s"
    """From the command line: a signal for the command, such as INT."""
    OUTPUT = b"o"
    ERRORS = b"x"
    OUTPUT_ENDS = b"f"
    """From the agent: the other side of a forward sends no more; it may still take input."""
    STATUS = b"q"
    """From the agent, the last one: the exit status of the command in decimal, 0 for all that has none."""


BUSY = b"75"
"""The status behind a refusal that will soon have passed by itself; that of EX_TEMPFAIL."""

ABSENT = b"66"
"""The status behind a refusal because something does not exist: EX_NOINPUT of sysexits.h."""


def written(kind: FrameKind, content: bytes = b"") -> bytes:
    """Return a frame as it is on the wire."""
    return _LENGTH.pack(1 + len(content)) + kind.value + content


def read(frame: bytes) -> tuple[FrameKind, bytes]:
    """Return kind and content of a frame without its length. :raises BadInput: its kind is not known."""
    try:
        return FrameKind(frame[:1]), frame[1:]
    except ValueError:
        raise BadInput(
            f"a frame of the kind {frame[:1]!r} is not known here: use the same version on both sides"
        ) from None


def window(rows: int, columns: int) -> bytes:
    """Return the content of a WINDOW frame."""
    return struct.pack("!HH", min(max(rows, 0), 65535), min(max(columns, 0), 65535))


def read_window(content: bytes) -> tuple[int, int]:
    """:raises BadInput: it is no such content."""
    if len(content) != 4:
        raise BadInput("the size of a terminal has four octets")
    rows, columns = struct.unpack("!HH", content)
    return rows, columns


@define
class FrameReader:
    """Frames out of octets that come in any pieces."""

    _waiting: bytearray = field(factory=bytearray, init=False)

    def feed(self, data: bytes) -> list[tuple[FrameKind, bytes]]:
        """Return the frames that are whole now. :raises BadInput: one is too long, or of no known kind."""
        self._waiting += data
        found = []
        while len(self._waiting) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._waiting)
            if not 1 <= length <= MAX_FRAME:
                raise BadInput(f"a frame of {length} octets is not usable: the other side is no agent of ours")
            end = _LENGTH.size + length
            if len(self._waiting) < end:
                break
            found.append(read(bytes(self._waiting[_LENGTH.size : end])))
            del self._waiting[:end]
        return found
