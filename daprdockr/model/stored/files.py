"""
The records of files for containers that are not secret: what agents mirror of each, and its content.

One transaction writes both. Agents mirror only the record, whose stamp is the digest of the content, because a hundred
files of 64 KiB would otherwise be in the memory and on the disk of every agent, also of those that run nothing with
them; the content is read when a container needs it.
"""

from __future__ import annotations

import base64

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.members import Members, all_members, decode_members, encode_members
from daprdockr.model.wanted.files import MOST_BYTES


@frozen
class FileRecord:
    """
    :ivar revision: counts how often it was set, for people.
    :ivar stamp: of its content.
    :ivar size: of the content, in bytes.
    :ivar time: wall-clock seconds; 0: it is not known when.
    :ivar by: who set it, such as "anna@host".
    """

    revision: int
    stamp: str
    size: int
    time: float = 0.0
    by: str = ""

    @classmethod
    def decode(cls, data: bytes) -> FileRecord:
        """:raises BadInput: if ``data`` is not such a record."""
        return cls(**decode_members(data, _MEMBERS, ("Revision", "Stamp", "Size")))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _MEMBERS))


@frozen
class FileContent:
    """The content of a file, byte by byte."""

    content: bytes

    @classmethod
    def decode(cls, data: bytes) -> FileContent:
        """:raises BadInput: if ``data`` is no content."""
        return cls(**decode_members(data, _CONTENT, ("Content",)))

    def encode(self) -> bytes:
        return encode_members({"Content": base64.b64encode(self.content).decode()})


_MEMBERS: Members = {
    "Revision": ("revision", reading.integer(1, 2**63 - 1)),
    "Stamp": ("stamp", reading.line(64)),
    "Size": ("size", reading.integer(0, MOST_BYTES)),
    "Time": ("time", reading.moment),
    "By": ("by", reading.author),
}
_CONTENT: Members = {"Content": ("content", reading.octets)}
