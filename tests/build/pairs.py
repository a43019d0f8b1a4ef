"""Pairs of certificate and key, signed by themselves."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from daprdockr.model.stored.certificate import CertificatePair

_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
DAY = 86400.0


def pem_of(key: _Key, password: bytes = b"") -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def self_signed(
    names: Sequence[str], key: _Key | None = None, begin: float | None = None, days: float = 30
) -> CertificatePair:
    """Return a pair for these names, valid for some days from ``begin`` on: an hour ago, if that is not given."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    first = _moment(begin) if begin is not None else datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0] if names else "nobody")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(first + datetime.timedelta(days=days))
    )
    if names:
        given = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(given, critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    return CertificatePair(certificate.public_bytes(serialization.Encoding.PEM).decode(), pem_of(key).decode())


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
