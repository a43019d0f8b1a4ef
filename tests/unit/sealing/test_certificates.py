"""Pairs of certificate and key: which can be used, and what seals and opens them."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.certificate import MAX_PEM, CertificateFacts, CertificateRecord
from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.certificates import facts_of, open_pair, read_pair, seal_pair
from tests.build.pairs import DAY, pem_of, self_signed

KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()
PAIR = self_signed(("example.com", "*.EXAMPLE.com", "example.com"), begin=1000.0, days=2)
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
            (CHAIN, small.key.encode(), "2048 bits"),
            (small.chain.encode(), small.key.encode(), "2048 bits"),
            (curve.chain.encode(), curve.key.encode(), "P-256"),
            (nobody.chain.encode(), nobody.key.encode(), "for no host name"),
            (many.chain.encode(), many.key.encode(), "101 names"),
            (CHAIN + b"#" * MAX_PEM, SECRET, "at most 64 KiB"),
        ):
            with self.assertRaisesRegex(BadInput, said):
                read_pair(chain, key)


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
