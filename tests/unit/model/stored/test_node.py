"""A node's record: it reads back what it wrote, and survives what others wrote."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.node import NodeRecord
from tests.build.strategies import ANYTHING, NODE_RECORDS, as_bytes, spoiled


class NodeRecordTests(SynchronousTestCase):
    @given(NODE_RECORDS)
    def test_reads_what_it_writes(self, record: NodeRecord) -> None:
        """A record reads back from its bytes."""
        self.assertEqual(NodeRecord.decode(record.encode()), record)

    @given(st.one_of(ANYTHING, spoiled({"Addresses": ["::1"], "Labels": {"zone": "a"}, "Version": "1"}).map(as_bytes)))
    def test_anything(self, data: bytes) -> None:
        """Any bytes are a record that can be written again, or bad input, reported in one line."""
        try:
            record = NodeRecord.decode(data)
        except BadInput as error:
            self.assertTrue(str(error).isprintable(), str(error))
        else:
            self.assertEqual(NodeRecord.decode(record.encode()), record)
