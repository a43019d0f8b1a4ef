"""Tests of ``daprdockr.model.stored.marks``."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.marks import LONGEST, Mark, Marks, attested, decode_marks, encode_marks, with_another


def chain(length: int, start: Marks = (), salt: int = 0) -> Marks:
    """A chain that goes on from ``start``; each mark attests ten revisions more."""
    for _ in range(length):
        number = start[-1].number + 1 if start else 1
        start = with_another(start, 10 * number, number << 20 | salt)
    return start


class MarksTests(SynchronousTestCase):
    """Chains of marks."""

    def test_written_and_read(self) -> None:
        """A chain of any age is read as it was written, and stays short."""
        for length in (1, 2, 31, 33, 500, 5000):
            marks = chain(length)
            self.assertEqual(decode_marks(encode_marks(marks)), marks)
            self.assertLessEqual(len(marks), LONGEST)
            self.assertEqual(marks[-1].number, length)

    def test_garbage(self) -> None:
        """A value that no agent wrote is refused with one line."""
        for value in (b"", b"[]", b"{}", b"[1]", b'[[1,2,"x"]]', b'[[0,2,"f"]]', b'[[2,2,"f"],[1,2,"f"]]', b"[" * 9999):
            self.assertRaises(BadInput, decode_marks, value)

    @given(st.binary(max_size=40))
    def test_any_bytes(self, value: bytes) -> None:
        """Any bytes are read or refused, and do no other harm."""
        with contextlib.suppress(BadInput):
            decode_marks(value)

    def test_same_history(self) -> None:
        """A chain that went on attests all that the former one does, if its newest mark is still kept."""
        known = chain(40)
        for more in (0, 1, 31):
            self.assertEqual(attested(known, chain(more, known)), known[-1].revision)

    def test_long_ago(self) -> None:
        """After many more marks it attests what was known some time before."""
        known = chain(40)
        for more in (100, 900):
            self.assertEqual(attested(known, chain(more, known)), 320)
        self.assertEqual(attested(known, chain(2000, known)), 0)

    def test_restored(self) -> None:
        """A chain that went on from before the newest mark known is of another history, however long it became."""
        before = chain(40)
        known = chain(1, before)
        for more in (0, 1, 2, 31):
            self.assertIsNone(attested(known, chain(more, before, salt=1)))
        kept_for_long = chain(24, before)
        self.assertEqual(kept_for_long[-1].number, 64)
        for more in (24, 100, 1000):
            self.assertIsNone(attested(kept_for_long, chain(more, before, salt=1)))

    def test_none(self) -> None:
        """Without a chain nothing is attested."""
        self.assertEqual(attested((), chain(3)), 0)
        self.assertEqual(attested(chain(3), ()), 0)

    def test_restored_long_ago(self) -> None:
        """Of a chain so long that the newest mark known is not kept, only marks of before both attest something."""
        before = chain(40)
        known = chain(1, before)
        self.assertEqual(attested(known, chain(200, before, salt=1)), 320)

    def test_mark(self) -> None:
        """A mark says what its writer knew."""
        self.assertEqual(with_another((), 7, 255), (Mark(1, 7, 255),))
