"""The record of a token with which hosts join."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.invitation import InvitationRecord


class InvitationRecordTests(SynchronousTestCase):
    def test_kept(self) -> None:
        """A record is read as it was written."""
        record = InvitationRecord("a", "anna@desk")
        self.assertEqual(InvitationRecord.decode(record.encode()), record)

    def test_no_node(self) -> None:
        """A record that names no node admits nobody."""
        for content in (b"{}", b'{"Node": "A b"}', b"x"):
            self.assertRaises(BadInput, InvitationRecord.decode, content)
