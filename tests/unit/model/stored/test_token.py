"""The record of a token: for which node it is, and whose."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.token import TokenRecord


class SessionRecordTests(SynchronousTestCase):
    def test_read_back(self) -> None:
        """It is read as it was written."""
        record = TokenRecord("a", "anna@desk")
        self.assertEqual(TokenRecord.decode(record.encode()), record)

    def test_refused(self) -> None:
        """One without a node is for none; the name of its author is one line."""
        for data in (b"{}", b'{"Node": "A b"}', b"[]", b"", b"x"):
            self.assertRaises(BadInput, TokenRecord.decode, data)
        self.assertEqual(TokenRecord.decode(b'{"Node": "a", "By": "x\\ny"}').by, "x y")
