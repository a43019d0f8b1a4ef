"""The record of a pause."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.pause import MAX_PAGE, PauseMode, PauseRecord, check_page

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=50)


class PauseTests(SynchronousTestCase):
    @given(st.builds(PauseRecord, st.sampled_from(PauseMode), TEXTS, st.floats(0, 1e10), st.just("anna@desk")))
    def test_reads_what_it_writes(self, pause: PauseRecord) -> None:
        """A record reads as it was written."""
        self.assertEqual(PauseRecord.decode(pause.encode()), pause)

    def test_layout(self) -> None:
        """The members are those that agents of all versions share."""
        written = {"Mode": "hold", "Page": "", "Time": 5.5, "By": "anna@desk"}
        self.assertEqual(json.loads(PauseRecord(time=5.5, by="anna@desk").encode()), written)
        self.assertEqual(PauseRecord.decode(b'{"Mode": "maintenance", "Novel": 1}'), PauseRecord(PauseMode.MAINTENANCE))

    def test_unusable(self) -> None:
        """Neither a mode of a newer version nor a page that is too large is taken."""
        too_large = {"Mode": "hold", "Page": "x" * (MAX_PAGE + 1)}
        unusable: tuple[object, ...] = ({}, {"Mode": "novel"}, too_large, {"Mode": None}, [])
        for members in unusable:
            with self.assertRaises(BadInput):
                PauseRecord.decode(json.dumps(members).encode())

    def test_page(self) -> None:
        """A page is bounded by its bytes in UTF-8, and is a text."""
        self.assertEqual(check_page("\u20ac" * (MAX_PAGE // 3)), "\u20ac" * (MAX_PAGE // 3))
        self.assertEqual(check_page("a\tb\r\n"), "a\tb\r\n")
        for text in ("\u20ac" * (MAX_PAGE // 3 + 1), "a\x1b[2J", "\0"):
            self.assertRaises(BadInput, check_page, text)

    def test_for_people(self) -> None:
        """It says what becomes of requests, and who wants it."""
        self.assertEqual(str(PauseRecord(by="anna@desk")), "paused by anna@desk")
        self.assertEqual(str(PauseRecord(PauseMode.MAINTENANCE)), "under maintenance")
