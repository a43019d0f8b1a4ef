"""The authority of a cluster, and the certificates that it signs."""

from __future__ import annotations

import base64
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.sealing.authority import new_authority, new_key, request_of, signed, uses_of

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class AuthorityTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.authority = new_authority(NOW)
        self.issuer = x509.load_pem_x509_certificate(self.authority.chain.encode())

    def test_signed(self) -> None:
        """A host's certificates are for its own key; the member's is a server's too, the agent's a client's alone."""
        key = new_key()
        found = []
        for use in uses_of("host2", "10.0.0.2"):
            certificate = x509.load_pem_x509_certificate(signed(self.authority, request_of(key), use, NOW).encode())
            certificate.verify_directly_issued_by(self.issuer)
            own = serialization.load_pem_private_key(key.encode(), None)
            self.assertEqual(certificate.public_key(), own.public_key())
            usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            found.append((certificate.subject.rfc4514_string(), len(list(usages))))
        self.assertEqual(found, [("CN=etcd", 2), ("CN=agent", 1)])

    def test_names(self) -> None:
        """A member is known by the name and the address of its host, IPv6 too."""
        member, _ = uses_of("host2", "2001:db8::2")
        text = signed(self.authority, request_of(new_key()), member, NOW)
        names = x509.load_pem_x509_certificate(text.encode()).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        self.assertEqual(names.value.get_values_for_type(x509.DNSName), ["host2"])
        self.assertEqual(str(names.value.get_values_for_type(x509.IPAddress)[0]), "2001:db8::2")

    def test_authority(self) -> None:
        """The authority signs certificates and nothing that signs further ones."""
        constraints = self.issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        self.assertEqual((constraints.ca, constraints.path_length), (True, 0))

    def test_key_of_the_authority(self) -> None:
        """A certificate names the key that signed it (RFC 5280, 4.2.1.1): Python 3.13 asks for that."""
        for use in uses_of("host2", "10.0.0.2"):
            text = signed(self.authority, request_of(new_key()), use, NOW)
            extensions = x509.load_pem_x509_certificate(text.encode()).extensions
            named = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
            signer = self.issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
            self.assertEqual(named, signer)

    def test_no_request(self) -> None:
        """Anything but a request of a P-256 key is refused."""
        use, _ = uses_of("a", "10.0.0.1")
        other = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        strange = (
            "x",
            "",
            other.sign(rsa.generate_private_key(65537, 2048), hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
            other.sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA256()).public_bytes(
                serialization.Encoding.PEM
            ),
        )
        for request in strange:
            text = request if isinstance(request, str) else request.decode()
            self.assertRaises(BadInput, signed, self.authority, text, use, NOW)

    def test_unknown_version(self) -> None:
        """A request of a version that does not exist yet is refused, too."""
        use, _ = uses_of("a", "10.0.0.1")
        label, end = "-----BEGIN CERTIFICATE REQUEST-----\n", "-----END CERTIFICATE REQUEST-----\n"
        content = base64.b64decode(request_of(new_key()).removeprefix(label).removesuffix(end))
        later = base64.encodebytes(content.replace(b"\x02\x01\x00", b"\x02\x01\x07", 1)).decode()
        self.assertRaises(BadInput, signed, self.authority, label + later + end, use, NOW)

    def test_damaged_key(self) -> None:
        """A private key that is damaged is said to be."""
        self.assertIn("damaged", str(self.assertRaises(BadInput, request_of, "x")))
