# -*- test-case-name: tests.unit.acme.test_keys -*-
"""The keys of an account and of certificates to be. Nothing prints them; the thumbprint of an account is no secret."""

from __future__ import annotations

import base64
import hashlib
import json

from attrs import field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from daprdockr.model.errors import BadInput


@frozen
class SigningKey:
    """A private key as PEM: that of an account, or that of one certificate."""

    pem: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(
            ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def checked(self) -> SigningKey:
        """Return itself. :raises BadInput: it is no such key."""
        self._key()
        return self

    @property
    def thumbprint(self) -> str:
        """
        Return the text that follows each token in the answer to a challenge (RFC 7638).

        :raises BadInput: it is no such key.
        """
        numbers = self._key().public_key().public_numbers()
        members = {"crv": "P-256", "kty": "EC", "x": _number(numbers.x), "y": _number(numbers.y)}
        return _base64(hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest())

    def request(self, host_name: str) -> bytes:
        """Return the request for a certificate of this name (CSR), as PEM. :raises BadInput: it is no such key."""
        names = x509.SubjectAlternativeName([x509.DNSName(host_name)])
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        signed = builder.add_extension(names, critical=False).sign(self._key(), hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    def _key(self) -> ec.EllipticCurvePrivateKey:
        try:
            key = serialization.load_pem_private_key(self.pem, None)
        except (ValueError, TypeError):
            key = None
        if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
            return key
        raise BadInput("the stored key is damaged: it is none of P-256")


def renewal_id(chain: bytes) -> str:
    """
    Return by which name the server of a certificate knows it (RFC 9773, 4.1); "": it has none.

    :raises BadInput: there is no certificate.
    """
    try:
        certificate = x509.load_pem_x509_certificates(chain)[0]
        extension = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return ""
    except (ValueError, x509.InvalidVersion, x509.DuplicateExtension):
        raise BadInput("the ACME server sent something that is no certificate") from None
    issuer, serial = extension.value.key_identifier, certificate.serial_number
    octets = serial.to_bytes(serial.bit_length() // 8 + 1, "big")  # as in DER: with a bit for the sign
    return f"{_base64(issuer)}.{_base64(octets)}" if issuer else ""


def _number(value: int) -> str:
    return _base64(value.to_bytes(32, "big"))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
