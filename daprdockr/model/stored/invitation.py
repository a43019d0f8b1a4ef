"""The record of a token with which hosts may join: docs/design/joining.rst."""

from __future__ import annotations

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.members import Members, all_members, decode_whole, encode_members
from daprdockr.model.names import check_label


@frozen
class InvitationRecord:
    """The node that admits those who have the token, and who wrote it, for people."""

    node: str
    by: str = ""

    @classmethod
    def decode(cls, data: bytes) -> InvitationRecord:
        """:raises BadInput: if ``data`` is not such a record."""
        return cls(**decode_whole(data, _MEMBERS, ("Node",)))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _MEMBERS))


def _node(value: object, path: str) -> str:
    return check_label(value, "node")


_MEMBERS: Members = {"Node": ("node", _node), "By": ("by", reading.author)}
