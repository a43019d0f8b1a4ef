"""
The values by which a host joins a cluster: the token that a person carries to it, and what the cluster gives it.
``docs/design/joining.rst`` has the way.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from attrs import field, frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.members import Members, all_members, decode_members, encode_members

TOKEN_LIFE = 3600
"""Seconds for which a token admits hosts."""

LONGEST_TOKEN = 256
TOKEN_MARK = "dj"
"""A token begins so."""

_VERSION = 1
_DIGEST = 32
_SECRET = 32


@frozen
class JoinToken:
    """
    Where a host asks to join, by which certificate it knows that it asks the right one, and the secret that shows that
    it may; 64 hex digits each. Nothing prints the secret.
    """

    peer: str
    fingerprint: str
    secret: str = field(repr=False)

    def __str__(self) -> str:
        place = self.peer.encode()
        body = bytes([_VERSION]) + bytes.fromhex(self.fingerprint) + bytes.fromhex(self.secret) + place
        return TOKEN_MARK + base64.urlsafe_b64encode(body + _sum(body)).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> JoinToken:
        """:raises BadInput: it is no whole token."""
        body = _body(text)
        if not body or body[0] != _VERSION:
            raise BadInput("the token is from another version: use the same version on all hosts")
        found, secret = body[1 : 1 + _DIGEST], body[1 + _DIGEST : 1 + _DIGEST + _SECRET]
        try:
            peer = body[1 + _DIGEST + _SECRET :].decode("ascii")
        except UnicodeDecodeError:
            peer = ""
        if not peer.rpartition(":")[2].isdigit():
            raise _not_whole()
        return cls(peer, found.hex(), secret.hex())


def _body(text: str) -> bytes:
    code = text.strip()
    if not code.startswith(TOKEN_MARK) or len(code) > LONGEST_TOKEN:
        raise _not_whole()
    code = code.removeprefix(TOKEN_MARK)
    try:
        data = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _not_whole() from None
    body, check = data[:-4], data[-4:]
    if check != _sum(body):
        raise _not_whole()
    return body


def _sum(body: bytes) -> bytes:
    """Return what shows that all of a token was copied."""
    return hashlib.sha256(body).digest()[:4]


def _not_whole() -> BadInput:
    return BadInput("the token is not whole: copy the line that daprdockrcmd init or invite printed")


@frozen
class JoinAnswer:
    """
    The answer to a host that may join: the certificates, PEM each; the content of the file with the cluster key; the
    URLs of the members of etcd; and, for one that is to have a member, the members that this begins with, and the
    authority's key, because members admit others. Nothing prints the keys.
    """

    authority: str
    agent_certificate: str
    cluster_key: str = field(repr=False)
    endpoints: tuple[str, ...]
    member_certificate: str = ""
    initial: tuple[str, ...] = ()
    authority_key: str = field(default="", repr=False)

    @classmethod
    def decode(cls, data: bytes) -> JoinAnswer:
        """:raises BadInput: it is none."""
        return cls(**decode_members(data, _ANSWER, ("Authority", "AgentCertificate", "ClusterKey", "Endpoints")))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _ANSWER))


_ANSWER: Members = {
    "Authority": ("authority", reading.free_text),
    "AgentCertificate": ("agent_certificate", reading.free_text),
    "ClusterKey": ("cluster_key", reading.free_text),
    "Endpoints": ("endpoints", reading.texts),
    "MemberCertificate": ("member_certificate", reading.free_text),
    "Initial": ("initial", reading.texts),
    "AuthorityKey": ("authority_key", reading.free_text),
}
