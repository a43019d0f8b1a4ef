"""
The record of a token in etcd: of one that shows that a command line can write there, for a session
(docs/design/peer.rst), or of one with which hosts may join (docs/design/joining.rst).
"""

from __future__ import annotations

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.members import Members, all_members, decode_whole, encode_members


@frozen
class TokenRecord:
    """The node for which a token is meant, and who wrote it, for people."""

    node: str
    by: str = ""

    @classmethod
    def decode(cls, data: bytes) -> TokenRecord:
        """:raises BadInput: if ``data`` is not such a record."""
        return cls(**decode_whole(data, _MEMBERS, ("Node",)))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _MEMBERS))


_MEMBERS: Members = {"Node": ("node", reading.node_name), "By": ("by", reading.author)}
