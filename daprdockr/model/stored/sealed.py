"""
The records of secrets: the part that everybody may know, the sealed value, and the key that it is sealed to.

To seal needs the public key alone, which is in etcd. To open needs the private key, which never is. Every agent mirrors
the record below ``Keys.secret``, and so learns that a secret changed; the sealed value is only read where a container
needs it. One transaction writes both, and both have the same stamp.
"""

from __future__ import annotations

import base64
import hashlib

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.members import Members, all_members, decode_members, encode_members
from daprdockr.model.stored.entries import Entry

MAX_VALUE = 64 * 1024
"""The largest value of a secret, in bytes."""


def key_id(public: bytes) -> str:
    """Return the short name of a key, by which nodes say which keys they have."""
    return hashlib.sha256(public).hexdigest()[:16]


@frozen
class SecretRecord:
    """
    The part of a secret that everybody may know.

    :ivar revision: counts how often it was set, for people.
    :ivar stamp: chosen anew each time that it is set. It says nothing about the value: a digest of a short one could be
        guessed from.
    :ivar size: of the value, in bytes.
    :ivar key: the ``key_id`` of the key that it is sealed to.
    :ivar time: wall-clock seconds; 0: it is not known when.
    :ivar by: who set it, such as "anna@host".
    """

    revision: int
    stamp: str
    size: int
    key: str
    time: float = 0.0
    by: str = ""

    @classmethod
    def decode(cls, data: bytes) -> SecretRecord:
        """:raises BadInput: if ``data`` is not such a record."""
        return cls(**decode_members(data, _MEMBERS, ("Revision", "Stamp", "Size", "Key")))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _MEMBERS))


@frozen
class SealedValue:
    """A sealed value: ``key`` and ``stamp`` are those of its record."""

    key: str
    stamp: str
    sealed: bytes

    @classmethod
    def decode(cls, data: bytes) -> SealedValue:
        """:raises BadInput: if ``data`` is not such a value."""
        return cls(**decode_members(data, _SEALED, ("Key", "Stamp", "Sealed")))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _SEALED) | {"Sealed": base64.b64encode(self.sealed).decode()})


@frozen
class PublicKey:
    """The public key of a cluster: 32 bytes of X25519."""

    public: bytes

    @property
    def id(self) -> str:
        return key_id(self.public)

    @classmethod
    def decode(cls, data: bytes) -> PublicKey:
        """:raises BadInput: if ``data`` is not such a key."""
        key = cls(**decode_members(data, _PUBLIC, ("Public",)))
        if len(key.public) != KEY_BYTES:
            raise BadInput(f"Public has {len(key.public)} bytes, a public key has {KEY_BYTES}")
        return key

    def encode(self) -> bytes:
        return encode_members({"Public": base64.b64encode(self.public).decode()})


def public_key(entry: Entry) -> PublicKey:
    """Return the public key of the cluster from its key in etcd. :raises BadInput: it is none; and what to do."""
    try:
        return PublicKey.decode(entry.value)
    except BadInput as error:
        raise BadInput(
            f"the public key in etcd is not usable ({error}): delete {entry.key}, then daprdockrcmd secret key FILE,"
            " with the file of a node, puts it there again"
        ) from None


def bound_to(name: str, stamp: str) -> bytes:
    """
    Return what a sealed value is bound to: it cannot be opened as that of another secret, nor as one that was set
    later.
    """
    return f"daprdockr secret {name} {stamp}".encode()


KEY_BYTES = 32


_MEMBERS: Members = {
    "Revision": ("revision", reading.integer(1, 2**63 - 1)),
    "Stamp": ("stamp", reading.line(64)),
    "Size": ("size", reading.integer(0, MAX_VALUE)),
    "Key": ("key", reading.line(64)),
    "Time": ("time", reading.moment),
    "By": ("by", reading.author),
}
_SEALED: Members = {
    "Key": ("key", reading.line(64)),
    "Stamp": ("stamp", reading.line(64)),
    "Sealed": ("sealed", reading.octets),
}
_PUBLIC: Members = {"Public": ("public", reading.octets)}
