"""The record of a token: for which node it is, and whose."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.session import SessionRecord


class SessionRecordTests(SynchronousTestCase):
    def test_read_back(self) -> None:
        """It is read as it was written."""
        record = SessionRecord("a", "anna@desk")
        self.assertEqual(SessionRecord.decode(record.encode()), record)

    def test_refused(self) -> None:
        """One without a node is for none; the name of its author is one line."""
        for data in (b"{}", b'{"Node": "A b"}', b"[]", b""):
            self.assertRaises(BadInput, SessionRecord.decode, data)
        self.assertEqual(SessionRecord.decode(b'{"Node": "a", "By": "x\\ny"}').by, "x y")
