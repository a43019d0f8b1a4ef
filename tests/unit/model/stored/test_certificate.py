"""Certificates, as etcd has them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.certificate import (
    ACME,
    MAX_PEM,
    CertificateFacts,
    CertificatePair,
    CertificateRecord,
    bound_to_certificate,
    certificate_puts,
)
from daprdockr.model.stored.entries import Put
from daprdockr.model.stored.sealed import SealedValue
from tests.build.values import KEYS

FACTS = CertificateFacts(("example.com", "*.example.com"), 100.0, 200.0)
RECORD = CertificateRecord("0a1b", "0123456789abcdef", FACTS, ACME, 5.5, "anna@desk")
PAIR = CertificatePair("chain\n", "private\n")


class CertificateTests(SynchronousTestCase):
    def test_there_and_back(self) -> None:
        """Each is read as it was written."""
        self.assertEqual(CertificateRecord.decode(RECORD.encode()), RECORD)
        self.assertEqual(CertificatePair.decode(PAIR.encode()), PAIR)

    def test_unprinted(self) -> None:
        """Nothing that prints a pair prints its key."""
        self.assertNotIn("private", repr(PAIR))

    def test_refused(self) -> None:
        """A member that is missing, or is of another kind, is named."""
        record, long = RECORD.encode(), CertificatePair("x" * (MAX_PEM + 1), "")
        for read, text, said in (
            (CertificateRecord.decode, b"{}", "Stamp is missing"),
            (CertificateRecord.decode, record.replace(b"acme", b"x"), "Source"),
            (CertificateRecord.decode, record.replace(b'"example.com"', b'"Example.com"'), r"Names\[0\].*lower case"),
            (CertificateRecord.decode, record.replace(b"200.0", b"-1"), "NotAfter"),
            (CertificatePair.decode, b'{"Chain":"x"}', "Key is missing"),
            (CertificatePair.decode, long.encode(), "Chain"),
            (CertificatePair.decode, '{"Chain":"ä","Key":""}'.encode(), "Chain"),
        ):
            with self.assertRaisesRegex(BadInput, said):
                read(text)

    def test_validity(self) -> None:
        """A certificate is valid from its first second to its last."""
        self.assertEqual([FACTS.is_valid(now) for now in (99.9, 100.0, 199.9, 200.0)], [False, True, True, False])

    def test_names(self) -> None:
        """A wildcard stands for one label, and is asked for as itself."""
        for name in ("example.com", "a.example.com", "*.example.com"):
            self.assertTrue(FACTS.is_for(name), name)
        for name in ("a.b.example.com", "example.org", "com", "", "*.a.example.com"):
            self.assertFalse(FACTS.is_for(name), name)

    def test_stored(self) -> None:
        """A record and its pair have keys of the same name, below two roots; a pair is bound to name and stamp."""
        sealed = SealedValue("k", "0a1b", b"x")
        self.assertEqual(
            certificate_puts(KEYS, "*.example.com", RECORD, sealed),
            (
                Put("/daprdockr/certificates/*.example.com", RECORD.encode()),
                Put("/daprdockr-sealed/certificates/*.example.com", sealed.encode()),
            ),
        )
        bound = {bound_to_certificate(*one) for one in (("a.b", "1"), ("a.b", "2"), ("b.b", "1"))}
        self.assertEqual(len(bound), 3)
