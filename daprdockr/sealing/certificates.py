# -*- test-case-name: tests.unit.sealing.test_certificates -*-
"""
Pairs of certificate and private key: what one says of itself, whether its parts belong together, sealing and opening
it.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import NameOID

from daprdockr.model.errors import BadInput
from daprdockr.model.host_names import host_name
from daprdockr.model.stored.certificate import (
    MAX_PEM,
    MOST_NAMES,
    CertificateFacts,
    CertificatePair,
    CertificateRecord,
    bound_to_certificate,
)
from daprdockr.model.stored.sealed import PublicKey, SealedValue
from daprdockr.sealing.boxes import PrivateKey, seal

_LEAST_RSA = 2048
_TICKET_BYTES = 80
_LIFE = datetime.timedelta(days=3650)
_PEM = serialization.Encoding.PEM
_NO_CERTIFICATE = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion)
_NO_NAMES = (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


def read_pair(chain: bytes, key: bytes) -> CertificatePair:
    """
    Return the pair of two files, without whatever else is in them; it is sure to be one that nginx can use.

    :raises BadInput: one is no PEM, the key is encrypted or does not fit, with the reason.
    """
    if max(len(chain), len(key)) > MAX_PEM:
        raise BadInput(f"a certificate and a key have at most {MAX_PEM // 1024} KiB each")
    pair = _belonging(chain, key)
    facts_of(pair)
    return pair


def read_own(content: bytes) -> CertificatePair:
    """Return a pair of our own, which may be for no host name. :raises BadInput: it is none that can be used."""
    pair = CertificatePair.decode(content)
    return _belonging(pair.chain.encode(), pair.key.encode())


def _belonging(chain: bytes, key: bytes) -> CertificatePair:
    certificates, private = _chain(chain), _private(key)
    public, own = _public(certificates[0]), private.public_key().public_numbers()
    if own != public.public_numbers():
        if any(_has(certificate, own) for certificate in certificates[1:]):
            raise BadInput("the key's certificate is not the first in its file: put those of its issuers behind it")
        raise BadInput("the key does not belong to the certificate: give the key that it was requested with")
    text = "".join(certificate.public_bytes(_PEM).decode() for certificate in certificates)
    return CertificatePair(text, _text_of(private))


def _has(certificate: x509.Certificate, numbers: rsa.RSAPublicNumbers | ec.EllipticCurvePublicNumbers) -> bool:
    try:
        return _public(certificate).public_numbers() == numbers
    except BadInput:
        return False


def facts_of(pair: CertificatePair) -> CertificateFacts:
    """:raises BadInput: the certificate cannot be read, or is for no host name."""
    certificate = _chain(pair.chain.encode())[0]
    names = _names(certificate)
    if not names:
        raise BadInput("the certificate is for no host name: it needs a subject alternative name of the type DNS")
    if len(names) > MOST_NAMES:
        raise BadInput(f"the certificate is for {len(names)} names, at most {MOST_NAMES} are supported")
    begin, end = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    return CertificateFacts(names, max(0.0, begin), max(0.0, end))


def ends(chain: bytes) -> tuple[float, ...]:
    """Return until when each certificate of a file is valid, in wall-clock seconds. :raises BadInput: it is no PEM."""
    return tuple(one.not_valid_after_utc.timestamp() for one in _chain(chain))


def seal_pair(public: PublicKey, name: str, record: CertificateRecord, pair: CertificatePair) -> SealedValue:
    """Return the pair sealed to the key of the cluster, as the one of this host name and record."""
    return SealedValue(public.id, record.stamp, seal(public, pair.encode(), bound_to_certificate(name, record.stamp)))


def open_pair(keys: Sequence[PrivateKey], name: str, sealed: SealedValue) -> CertificatePair:
    """:raises BadInput: no key here opens it, or it is not that of the name."""
    key = next((key for key in keys if key.public.id == sealed.key), None)
    if key is None:
        raise BadInput(f"it is sealed to key {sealed.key}, which this node does not have")
    return CertificatePair.decode(key.open(sealed.sealed, bound_to_certificate(name, sealed.stamp)))


def self_signed(now: datetime.datetime) -> CertificatePair:
    """Return a new pair for no host name in particular, which no client trusts, valid for ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "daprdockr, no certificate for this name")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _LIFE)
        .sign(key, hashes.SHA256())
    )
    return CertificatePair(certificate.public_bytes(_PEM).decode(), _text_of(key))


def ticket_key(secret: bytes, day: int) -> bytes:
    """
    Return the key of the session tickets of a day, as OpenSSL takes it: a name, then a key for HMAC and one for AES.
    All that have the secret make the same one.
    """
    info = f"daprdockr session tickets {day}".encode()
    return HKDF(algorithm=hashes.SHA256(), length=_TICKET_BYTES, salt=None, info=info).derive(secret)


def _text_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def _chain(data: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(data)
    except _NO_CERTIFICATE:
        raise BadInput("the certificate is no PEM: a file with BEGIN CERTIFICATE is needed") from None


def _private(data: bytes) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except TypeError:
        raise BadInput("the key is encrypted with a password: openssl pkey removes that") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadInput("the key is no PEM: a file with BEGIN PRIVATE KEY is needed") from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _LEAST_RSA:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
        return key
    raise BadInput(f"the key is not usable: have one of RSA with {_LEAST_RSA} bits or more, or of P-256 or P-384")


def _public(certificate: x509.Certificate) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return key
    raise BadInput("the certificate's key is not usable: have one of RSA, P-256 or P-384")


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        given = names.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        return ()
    except _NO_NAMES:
        raise BadInput("the certificate's names cannot be read") from None
    return tuple(dict.fromkeys(host_name(name) for name in given))
