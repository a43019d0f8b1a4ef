"""Pairs of certificate and key: which can be used, and what seals and opens them."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.certificate import MAX_PEM, CertificateFacts, CertificatePair, CertificateRecord
from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.certificates import facts_of, open_pair, read_own, read_pair, seal_pair, ticket_key
from daprdockr.sealing.certificates import self_signed as unnamed
from tests.build.pairs import DAY, pem_of, self_signed

KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()
PAIR = self_signed(("example.com", "*.EXAMPLE.com", "example.com"), begin=1000.0, days=2)
PEM = serialization.Encoding.PEM
CHAIN, SECRET = PAIR.chain.encode(), PAIR.key.encode()


class PairTests(SynchronousTestCase):
    def test_facts(self) -> None:
        """Names are in their one spelling, times are seconds of the wall clock."""
        facts = CertificateFacts(("example.com", "*.example.com"), 1000.0, 1000.0 + 2 * DAY)
        self.assertEqual(facts_of(PAIR), facts)

    def test_read(self) -> None:
        """A pair is read with its whole chain, in the order of the file, without comments; RSA as well."""
        issuer = self_signed(("issuer.test",)).chain
        pair = read_pair(b"# of the CA\n" + CHAIN + b"\nand its issuer\n" + issuer.encode(), SECRET)
        self.assertEqual((pair.chain, pair.key), (PAIR.chain + issuer, PAIR.key))
        made = self_signed(("a.b",), rsa.generate_private_key(65537, 2048))
        self.assertEqual(read_pair(made.chain.encode(), made.key.encode()), made)

    def test_refused(self) -> None:
        """A pair that nginx could not use is refused with a line that says what to do."""
        nobody, small = self_signed(()), self_signed(("a.b",), rsa.generate_private_key(65537, 1024))
        curve = self_signed(("a.b",), ec.generate_private_key(ec.SECP521R1()))
        many = self_signed([f"a{number}.b" for number in range(101)])
        crypted = pem_of(ec.generate_private_key(ec.SECP256R1()), b"password")
        for chain, key, said in (
            (b"", SECRET, "the certificate is no PEM"),
            (b"\xff" * 10, SECRET, "the certificate is no PEM"),
            (SECRET, SECRET, "the certificate is no PEM"),
            (CHAIN, b"", "the key is no PEM"),
            (CHAIN, CHAIN, "the key is no PEM"),
            (CHAIN, crypted, "encrypted with a password"),
            (CHAIN, self_signed(("example.com",)).key.encode(), "does not belong"),
            (curve.chain.encode() + CHAIN, SECRET, "is not the first in its file"),
            (CHAIN, small.key.encode(), "2048 bits"),
            (small.chain.encode(), small.key.encode(), "2048 bits"),
            (curve.chain.encode(), curve.key.encode(), "P-256"),
            (nobody.chain.encode(), nobody.key.encode(), "for no host name"),
            (many.chain.encode(), many.key.encode(), "101 names"),
            (CHAIN + b"#" * MAX_PEM, SECRET, "at most 64 KiB"),
        ):
            with self.assertRaisesRegex(BadInput, said):
                read_pair(chain, key)

    def test_odd_certificates(self) -> None:
        """A certificate of a kind of key that nginx is not given, or whose names cannot be read, is refused."""
        key, name, now = ec.generate_private_key(ec.SECP256R1()), x509.Name([]), datetime.datetime(2026, 1, 1)
        garbage = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"no names")
        for public, said in (
            (ed25519.Ed25519PrivateKey.generate().public_key(), "the certificate's key is not usable"),
            (key.public_key(), "names cannot be read"),
        ):
            builder = x509.CertificateBuilder(name, name, public, 1, now, now + datetime.timedelta(1))
            made = builder.add_extension(garbage, critical=False).sign(key, hashes.SHA256())
            with self.assertRaisesRegex(BadInput, said):
                read_pair(made.public_bytes(PEM), pem_of(key))

    def test_damaged_certificates(self) -> None:
        """A certificate of an unknown version, or with two lists of names or a kind of name of old, is refused."""
        key, name, now = ec.generate_private_key(ec.SECP256R1()), x509.Name([]), datetime.datetime(2026, 1, 1)
        names, second = x509.SubjectAlternativeName.oid, x509.ObjectIdentifier("2.5.29.99")

        def read(damage: Callable[[bytes], bytes], content: bytes = b"\x30\x05\x82\x03a.b") -> None:
            builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(1))
            for oid in (names, second):
                builder = builder.add_extension(x509.UnrecognizedExtension(oid, content), critical=False)
            made = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
            read_pair(ssl.DER_cert_to_PEM_cert(damage(made)).encode(), pem_of(key))

        read(lambda made: made)
        with self.assertRaisesRegex(BadInput, "names cannot be read"):
            read(lambda made: made.replace(b"\x55\x1d\x63", b"\x55\x1d\x11"))
        with self.assertRaisesRegex(BadInput, "names cannot be read"):
            read(lambda made: made, b"\x30\x05\xa3\x03\x02\x01\x05")
        with self.assertRaisesRegex(BadInput, "the certificate is no PEM"):
            read(lambda made: made.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05", 1))


class SealedPairTests(SynchronousTestCase):
    record = CertificateRecord("0a1b", KEY.public.id, facts_of(PAIR))

    def test_opens(self) -> None:
        """The cluster key opens a pair, whichever key of several it is."""
        sealed = seal_pair(KEY.public, "example.com", self.record, PAIR)
        self.assertEqual((sealed.key, sealed.stamp), (KEY.public.id, "0a1b"))
        self.assertEqual(open_pair((OTHER, KEY), "example.com", sealed), PAIR)

    def test_stays_shut(self) -> None:
        """Without the key, or as the pair of another name, it is not opened."""
        sealed = seal_pair(KEY.public, "example.com", self.record, PAIR)
        with self.assertRaisesRegex(BadInput, "which this node does not have"):
            open_pair((OTHER,), "example.com", sealed)
        with self.assertRaisesRegex(BadInput, "damaged"):
            open_pair((KEY,), "example.org", sealed)


class OwnPairTests(SynchronousTestCase):
    def test_default(self) -> None:
        """The pair for unknown names lasts ten years and is for no name; it is read back as it was kept."""
        now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        pair = unnamed(now)
        certificate = x509.load_pem_x509_certificate(pair.chain.encode())
        self.assertTrue(certificate.not_valid_before_utc < now < certificate.not_valid_after_utc)
        self.assertGreater(certificate.not_valid_after_utc, now + datetime.timedelta(days=3649))
        self.assertEqual(read_own(pair.encode()), pair)
        self.assertRaises(BadInput, facts_of, pair)
        for damaged in (b"", b"{}", CertificatePair(pair.chain, unnamed(now).key).encode()):
            self.assertRaises(BadInput, read_own, damaged)

    def test_ticket_key(self) -> None:
        """All that have the secret make the same key of a day, of 80 octets; another day gives another one."""
        keys = [ticket_key(secret, day) for secret in (b"a" * 32, b"b" * 32) for day in (1, 2)]
        self.assertEqual(({len(key) for key in keys}, len(set(keys))), ({80}, 4))
        self.assertEqual(ticket_key(b"a" * 32, 1), keys[0])
