"""A claim's record: it reads back what it wrote, and survives what others wrote."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.host import Port
from daprdockr.model.stored.claim import ClaimRecord, State
from tests.build.strategies import ANYTHING, CLAIM_RECORDS, as_bytes, spoiled

CLAIM = {
    "Node": "a",
    "State": "running",
    "Healthy": True,
    "Addresses": ["10.0.0.1"],
    "Ports": [{"Container": 80, "Protocol": "tcp", "Host": 20000}],
    "ContainerId": "c0ffee",
    "Definition": "0123456789ab",
    "Started": 1.5,
    "Reason": "",
    "Leaving": False,
    "Due": False,
    "Overdue": False,
    "Routed": {"Http": [80]},
}


class ClaimRecordTests(SynchronousTestCase):
    def test_written_form(self) -> None:
        """The JSON form is the one that agents of all versions share."""
        record = ClaimRecord.decode(as_bytes(CLAIM))
        self.assertEqual(record.ports, (Port(80, "tcp", 20000),))
        self.assertEqual(json.loads(record.encode()), CLAIM)
        signalled = CLAIM | {"Delivered": "9f86d081884c", "Judged": "44136fa355b3"}
        self.assertEqual(json.loads(ClaimRecord.decode(as_bytes(signalled)).encode()), signalled)

    @given(CLAIM_RECORDS)
    def test_reads_what_it_writes(self, record: ClaimRecord) -> None:
        """A record reads back from its bytes."""
        self.assertEqual(ClaimRecord.decode(record.encode()), record)

    def test_an_older_agent(self) -> None:
        """A member that an older agent did not write has its default."""
        self.assertEqual(ClaimRecord.decode(b'{"Node": "a", "Ports": [{"Container": 80}]}').ports, (Port(80),))
        self.assertEqual(ClaimRecord.decode(b'{"Node": "a", "Healthy": null}'), ClaimRecord(node="a"))

    def test_a_newer_agent(self) -> None:
        """Members that only a newer agent knows are ignored; a state of its own reads as starting."""
        newer = {"Node": "a", "State": "draining", "Novelty": {"x": 1}, "Ports": [{"Container": 80, "Zone": 1}]}
        self.assertEqual(ClaimRecord.decode(as_bytes(newer)), ClaimRecord(node="a", ports=(Port(80),)))

    def test_bad_members(self) -> None:
        """A record with a member of the wrong shape is bad input, reported in one line."""
        bad: tuple[dict[str, Any], ...] = (
            {"Node": None},
            {"Node": "A"},
            {"State": 1},
            {"Healthy": 1},
            {"Addresses": "10.0.0.1"},
            {"Ports": [80]},
            {"Ports": [{"Host": 1}]},
            {"Ports": [{"Container": 0}]},
            {"Ports": [{"Container": 80, "Host": 65536}]},
            {"Started": -1},
        )
        for members in bad:
            error = self.assertRaises(BadInput, ClaimRecord.decode, as_bytes({**CLAIM, **members}))
            self.assertTrue(str(error).isprintable(), str(error))

    @given(st.one_of(ANYTHING, spoiled(CLAIM).map(as_bytes)))
    def test_anything(self, data: bytes) -> None:
        """Any bytes are a record that can be written again, or bad input, reported in one line."""
        try:
            record = ClaimRecord.decode(data)
        except BadInput as error:
            self.assertTrue(str(error).isprintable(), str(error))
        else:
            self.assertEqual(ClaimRecord.decode(record.encode()), record)
            self.assertIsInstance(record.state, State)
