"""
The authority of a cluster that ``daprdockrcmd init`` made: it signs the certificates of members of etcd, and of their
clients. A host makes its private key itself and sends a request, of which only the public key counts: what the
certificate is for is decided where it is signed.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import AGENT_NAME, MEMBER_NAME
from daprdockr.model.stored.certificate import CertificatePair

_LIFE = datetime.timedelta(days=3650)
_PEM = serialization.Encoding.PEM
_CURVE = ec.SECP256R1


@frozen
class CertificateUse:
    """The use of a certificate: its common name; with names and addresses it is a server's too."""

    name: str
    hosts: Sequence[str] = ()
    addresses: Sequence[str] = ()


def uses_of(node: str, address: str) -> tuple[CertificateUse, CertificateUse]:
    """Return what the two certificates of a host are for: its member of etcd, and its agent as a client."""
    return CertificateUse(MEMBER_NAME, (node,), (address,)), CertificateUse(AGENT_NAME)


def new_key() -> str:
    """Return a new private key as PEM."""
    key = ec.generate_private_key(_CURVE())
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def new_authority(now: datetime.datetime) -> CertificatePair:
    key = new_key()
    private = _private_key(key)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "daprdockr etcd authority")])
    usage = _usage(signs_certificates=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    certificate = (
        _builder(now, name, private.public_key())
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(private, hashes.SHA256())
    )
    return CertificatePair(certificate.public_bytes(_PEM).decode(), key)


def request_of(key: str) -> str:
    """Return the request for a certificate of this private key, as PEM. :raises BadInput: it is no such key."""
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return request.sign(_private_key(key), hashes.SHA256()).public_bytes(_PEM).decode()


def signed(authority: CertificatePair, request: str, use: CertificateUse, now: datetime.datetime) -> str:
    """
    Return a certificate for the key of a request, as PEM.

    :raises BadInput: the request cannot be used: it is none, is for another kind of key, or the sender lacks the key.
    """
    public = _public_of(request)
    issuer, signer = x509.load_pem_x509_certificate(authority.chain.encode()), _private_key(authority.key)
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, use.name)])
    builder = _builder(now, name, public).issuer_name(issuer.subject)
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in use.hosts]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in use.addresses]
    if names:
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return certificate.public_bytes(_PEM).decode()


def _builder(now: datetime.datetime, name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _LIFE)
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private_key(key: str) -> ec.EllipticCurvePrivateKey:
    try:
        private = serialization.load_pem_private_key(key.encode(), password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise BadInput("the private key of this host is damaged: remove it and run the command again")
    return private


def _public_of(request: str) -> ec.EllipticCurvePublicKey:
    try:
        asked = x509.load_pem_x509_csr(request.encode())
        public = asked.public_key()
        genuine = asked.is_signature_valid
    except (ValueError, InvalidSignature, UnsupportedAlgorithm, x509.InvalidVersion):
        raise BadInput("the request for a certificate cannot be read") from None
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, _CURVE) or not genuine:
        raise BadInput("the request for a certificate is not signed by its own P-256 key")
    return public
