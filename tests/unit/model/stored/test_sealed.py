"""The records of secrets, as etcd has them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.names import check_value_name
from daprdockr.model.stored.sealed import KEY_BYTES, PublicKey, SealedValue, SecretRecord

RECORD = SecretRecord(3, "0a1b", 20, "0123456789abcdef", 5.5, "anna@desk")


class SealedTests(SynchronousTestCase):
    def test_there_and_back(self) -> None:
        """Each is read as it was written."""
        self.assertEqual(SecretRecord.decode(RECORD.encode()), RECORD)
        value = SealedValue("k", "s", bytes(range(256)))
        self.assertEqual(SealedValue.decode(value.encode()), value)
        key = PublicKey(bytes(KEY_BYTES))
        self.assertEqual(PublicKey.decode(key.encode()), key)

    def test_refused(self) -> None:
        """A member that is missing, or is of another kind, is named."""
        for read, text, said in (
            (SecretRecord.decode, b"{}", "Revision is missing"),
            (SecretRecord.decode, RECORD.encode().replace(b"20", b"-1"), "Size"),
            (SealedValue.decode, b'{"Key":"k","Stamp":"s"}', "Sealed is missing"),
            (SealedValue.decode, b'{"Key":"k","Stamp":"s","Sealed":"?"}', "no base64"),
            (PublicKey.decode, b'{"Public":"AAAA"}', "3 bytes"),
        ):
            with self.assertRaisesRegex(BadInput, said):
                read(text)

    def test_names(self) -> None:
        """A name leads to no other key and no other file."""
        for name in ("db-password", "nginx.conf", "A_1", "x" * 63):
            self.assertEqual(check_value_name(name, "secret"), name)
        for bad in ("", ".", "..", ".hidden", "a/b", "a b", "x" * 64, "ä", "a\n", "-f", None):
            with self.assertRaisesRegex(BadInput, "secret name"):
                check_value_name(bad, "secret")
