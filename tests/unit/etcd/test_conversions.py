"""Tests for daprdockr.etcd.conversions; the rest of it is in the contract of stores."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.conversions import from_key, prefix_range, to_key


class PrefixRangeTests(SynchronousTestCase):
    """``prefix_range``."""

    def test_samples(self) -> None:
        """The end is the prefix with its last byte raised; all keys if there is none to raise."""
        self.assertEqual(prefix_range("/a/"), (b"/a/", b"/a0"))
        self.assertEqual(prefix_range(""), (b"\0", b"\0"))
        self.assertEqual(prefix_range("a\udcff"), (b"a\xff", b"b"))
        self.assertEqual(prefix_range("\udcff"), (b"\xff", b"\0"))

    @given(st.binary(max_size=4), st.binary(max_size=4))
    def test_holds_what_begins_with_it(self, prefix: bytes, key: bytes) -> None:
        """A key lies in the range exactly when it begins with the prefix."""
        start, end = prefix_range(from_key(prefix))
        if key:
            inside = key >= start and (end == b"\0" or key < end)
            self.assertEqual(inside, key.startswith(prefix))

    @given(st.binary(max_size=20))
    def test_keys_come_back(self, key: bytes) -> None:
        """Any key survives being read and written."""
        self.assertEqual(to_key(from_key(key)), key)
