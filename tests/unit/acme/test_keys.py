"""The keys of accounts and certificates."""

from __future__ import annotations

import datetime

from acme.client import _renewal_info_path_component
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from josepy import b64
from josepy.jwk import JWKEC
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.acme.keys import SigningKey, renewal_id
from daprdockr.model.errors import BadInput

KEY = SigningKey.generate()
_NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def issued(serial: int, issuer: bytes | None = b"\x05\xff" * 10) -> bytes:
    """A certificate as PEM."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), serial, _NOW, _NOW + datetime.timedelta(1))
    if issuer is not None:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier(issuer, None, None), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class SigningKeyTests(SynchronousTestCase):
    def test_thumbprint(self) -> None:
        """The thumbprint is the one that the package computes."""
        self.assertEqual(KEY.thumbprint, b64.b64encode(JWKEC.load(KEY.pem).thumbprint()).decode())

    def test_request(self) -> None:
        """A request is signed, and for one name, a wildcard too."""
        for name in ("a.example.com", "*.example.com"):
            request = x509.load_pem_x509_csr(KEY.request(name))
            names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            self.assertTrue(request.is_signature_valid)
            self.assertEqual(names.get_values_for_type(x509.DNSName), [name])

    def test_damaged(self) -> None:
        """A key that is none, or of another kind, is refused."""
        other = ec.generate_private_key(ec.SECP384R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        for pem in (b"", b"-----BEGIN", other):
            self.assertRaises(BadInput, lambda pem=pem: SigningKey(pem).thumbprint)

    def test_unprinted(self) -> None:
        """Nothing that prints a key shows it."""
        self.assertNotIn("BEGIN", repr(KEY))


class RenewalIdTests(SynchronousTestCase):
    def test_as_the_package(self) -> None:
        """A serial number has the octets of its DER, with one more where the first bit would be the sign."""
        for serial in (1, 0x7F, 0x80, 0x87654321, 2**150):
            chain = issued(serial)
            self.assertEqual(renewal_id(chain), _renewal_info_path_component(x509.load_pem_x509_certificate(chain)))

    def test_without(self) -> None:
        """A certificate that does not name its issuer's key has none; what is no certificate is refused."""
        self.assertEqual(renewal_id(issued(5, None)), "")
        self.assertRaises(BadInput, renewal_id, b"no certificate")
