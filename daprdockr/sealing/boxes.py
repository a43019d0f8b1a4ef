# -*- test-case-name: tests.unit.sealing.test_boxes -*-
"""
Sealing to a public key, and opening with the private one: HPKE (RFC 9180) with X25519, HKDF-SHA256 and
ChaCha20-Poly1305.

To seal gives no power to open. The value is bound to a text: opened with another text it is refused.
"""

from __future__ import annotations

from attrs import field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.sealed import KEY_BYTES, PublicKey

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


@frozen
class PrivateKey:
    """A private key; nothing prints it."""

    secret: bytes = field(repr=False)
    public: PublicKey = field(init=False)

    @public.default
    def _(self) -> PublicKey:
        if len(self.secret) != KEY_BYTES:
            raise BadInput(f"the key has {len(self.secret)} bytes, a private key has {KEY_BYTES}")
        return PublicKey(X25519PrivateKey.from_private_bytes(self.secret).public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> PrivateKey:
        return cls(X25519PrivateKey.generate().private_bytes_raw())

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        """:raises BadInput: it is sealed to another key, bound to something else, or damaged."""
        key = X25519PrivateKey.from_private_bytes(self.secret)
        try:
            return _SUITE.decrypt(sealed, key, bound)
        except (InvalidTag, ValueError):
            raise BadInput("the sealed value is damaged, or sealed to another key: set it again") from None


def seal(public: PublicKey, value: bytes, bound: bytes) -> bytes:
    """Return the value sealed to a key, another text each time."""
    return _SUITE.encrypt(value, X25519PublicKey.from_public_bytes(public.public), bound)
