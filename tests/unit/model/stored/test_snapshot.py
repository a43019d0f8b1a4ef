"""The snapshot on disk reads back what was written, and survives what others wrote."""

from __future__ import annotations

import json
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.entries import Entry, Listing
from daprdockr.model.stored.snapshot import decode_listing, encode_listing
from tests.build.strategies import ANYTHING, TEXTS, as_bytes, spoiled

NUMBERS = st.integers(0, 2**63)

ENTRIES = st.builds(Entry, TEXTS, st.binary(max_size=20), NUMBERS, NUMBERS, NUMBERS)

LISTINGS = st.builds(Listing, NUMBERS, NUMBERS, st.lists(ENTRIES, max_size=4).map(tuple))

KEPT = {"Version": 1, "ClusterId": 7, "Revision": 9, "Entries": [["/k", "AA==", 1, 2, 0]]}


class SnapshotTests(SynchronousTestCase):
    @given(LISTINGS)
    def test_reads_what_it_writes(self, listing: Listing) -> None:
        """A listing reads back from the bytes that were kept."""
        self.assertEqual(decode_listing(b"".join(encode_listing(listing))), listing)

    @given(LISTINGS, st.randoms(use_true_random=False))
    def test_damaged(self, listing: Listing, random: Random) -> None:
        """Of content in which one byte changed nothing is believed, unless it says the same."""
        data = bytearray(b"".join(encode_listing(listing)))
        place = random.randrange(len(data))
        data[place] ^= 1 << random.randrange(8)
        try:
            found = decode_listing(bytes(data))
        except BadInput:
            return
        self.assertEqual(found, listing)

    def test_written_anew(self) -> None:
        """Content that somebody changed, as a document, is refused; that of an older agent, without a sum, is not."""
        kept = json.loads(b"".join(encode_listing(decode_listing(as_bytes(KEPT)))))
        self.assertRaises(BadInput, decode_listing, as_bytes({**kept, "Revision": 10}))
        self.assertRaises(BadInput, decode_listing, as_bytes({**kept, "Sum": None}))

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
