"""
The record of a token in etcd: of one that shows that a command line can write there, for a session
(docs/design/peer.rst), or of one with which hosts may join (docs/design/joining.rst).
"""

from __future__ import annotations

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.members import Members, all_members, changed_members, decode_members, encode_members


@frozen
class TokenRecord:
    """
    The node for which a token is meant; and, for people, who wrote it, and when by the clock there (0: unknown).
    """

    node: str
    by: str = ""
    time: float = 0.0

    @classmethod
    def decode(cls, data: bytes) -> TokenRecord:
        """:raises BadInput: if ``data`` is not such a record."""
        return cls(**decode_members(data, _MEMBERS, ("Node",)))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _ALWAYS) | changed_members(self, TokenRecord(""), _SINCE))


_ALWAYS: Members = {"Node": ("node", reading.node_name), "By": ("by", reading.author)}
_SINCE: Members = {"Time": ("time", reading.moment)}
_MEMBERS: Members = {**_ALWAYS, **_SINCE}
