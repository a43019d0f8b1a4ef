"""Records in etcd, and the snapshot on disk: each reads back what it wrote, and survives what others wrote."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.host import Port
from daprdockr.model.stored.entries import Entry, Listing
from daprdockr.model.stored.records import ClaimRecord, NodeRecord, State
from daprdockr.model.stored.snapshot import decode_listing, encode_listing
from tests.build.strategies import CLAIM_RECORDS, JSON, NODE_RECORDS, TEXTS, spoiled

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
}
ANYTHING = st.one_of(st.binary(max_size=60), JSON.map(lambda value: json.dumps(value).encode()))


def as_bytes(value: object) -> bytes:
    return json.dumps(value).encode()


class ClaimRecordTests(SynchronousTestCase):
    def test_written_form(self) -> None:
        """The JSON form is the one that agents of all versions share."""
        record = ClaimRecord.decode(as_bytes(CLAIM))
        self.assertEqual(record.ports, (Port(80, "tcp", 20000),))
        self.assertEqual(json.loads(record.encode()), CLAIM)

    @given(CLAIM_RECORDS)
    def test_reads_what_it_writes(self, record: ClaimRecord) -> None:
        """A record reads back from its bytes."""
        self.assertEqual(ClaimRecord.decode(record.encode()), record)

    def test_an_older_agent(self) -> None:
        """What an older agent did not write has its default."""
        self.assertEqual(ClaimRecord.decode(b'{"Node": "a", "Ports": [{"Container": 80}]}').ports, (Port(80),))
        self.assertEqual(ClaimRecord.decode(b'{"Node": "a", "Healthy": null}'), ClaimRecord(node="a"))

    def test_a_newer_agent(self) -> None:
        """What only a newer agent knows is ignored; a state of its own reads as starting."""
        newer = {"Node": "a", "State": "draining", "Novelty": {"x": 1}, "Ports": [{"Container": 80, "Zone": 1}]}
        self.assertEqual(ClaimRecord.decode(as_bytes(newer)), ClaimRecord(node="a", ports=(Port(80),)))

    def test_bad_members(self) -> None:
        """A record with a member of the wrong shape is bad input, told in one line."""
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
        """Any bytes are a record that can be written again, or bad input told in one line."""
        try:
            record = ClaimRecord.decode(data)
        except BadInput as error:
            self.assertTrue(str(error).isprintable(), str(error))
        else:
            self.assertEqual(ClaimRecord.decode(record.encode()), record)
            self.assertIsInstance(record.state, State)


class NodeRecordTests(SynchronousTestCase):
    @given(NODE_RECORDS)
    def test_reads_what_it_writes(self, record: NodeRecord) -> None:
        """A record reads back from its bytes."""
        self.assertEqual(NodeRecord.decode(record.encode()), record)

    @given(st.one_of(ANYTHING, spoiled({"Addresses": ["::1"], "Labels": {"zone": "a"}, "Version": "1"}).map(as_bytes)))
    def test_anything(self, data: bytes) -> None:
        """Any bytes are a record that can be written again, or bad input told in one line."""
        try:
            record = NodeRecord.decode(data)
        except BadInput as error:
            self.assertTrue(str(error).isprintable(), str(error))
        else:
            self.assertEqual(NodeRecord.decode(record.encode()), record)


NUMBERS = st.integers(0, 2**63)
ENTRIES = st.builds(Entry, TEXTS, st.binary(max_size=20), NUMBERS, NUMBERS, NUMBERS)
LISTINGS = st.builds(Listing, NUMBERS, NUMBERS, st.lists(ENTRIES, max_size=4).map(tuple))
KEPT = {"Version": 1, "ClusterId": 7, "Revision": 9, "Entries": [["/k", "AA==", 1, 2, 0]]}


class SnapshotTests(SynchronousTestCase):
    @given(LISTINGS)
    def test_reads_what_it_writes(self, listing: Listing) -> None:
        """A listing reads back from the bytes that were kept."""
        self.assertEqual(decode_listing(b"".join(encode_listing(listing))), listing)

    def test_another_version(self) -> None:
        """The state kept by an agent with another layout is refused, with the version named."""
        error = self.assertRaises(BadInput, decode_listing, as_bytes({**KEPT, "Version": 2}))
        self.assertIn("version 2", str(error))

    def test_nested_without_end(self) -> None:
        """Nesting without end is bad input."""
        self.assertRaises(BadInput, decode_listing, b"[" * 100_000)

    @given(st.one_of(ANYTHING, spoiled(KEPT).map(as_bytes)))
    def test_anything(self, data: bytes) -> None:
        """Any bytes are a listing that can be written again, or bad input."""
        try:
            listing = decode_listing(data)
        except BadInput:
            return
        self.assertEqual(decode_listing(b"".join(encode_listing(listing))), listing)
