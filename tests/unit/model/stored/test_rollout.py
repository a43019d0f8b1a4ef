"""The record of a rollout: it reads back what it wrote, and survives what others wrote."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.last_words import MOST_LINES
from daprdockr.model.stored.rollout import LONGEST_TEXT, RolloutRecord, RolloutState
from tests.build.strategies import ANYTHING, as_bytes, spoiled
from tests.build.values import definition

REVERTED = {
    "State": "reverted",
    "From": "0123456789ab",
    "To": "ba9876543210",
    "Reason": "exited with status 1",
    "Node": "b",
    "Instance": "2.web.myapp",
    "Lines": ["no such file", "giving up"],
    "Run": 0,
    "Acknowledged": False,
}
OLD, NEW = definition("web:1"), definition("web:2")


class RolloutRecordTests(SynchronousTestCase):
    def test_written_form(self) -> None:
        """The JSON form is the one that all versions share."""
        record = RolloutRecord.decode(as_bytes(REVERTED))
        self.assertEqual((record.state, record.lines), (RolloutState.REVERTED, ("no such file", "giving up")))
        self.assertEqual(json.loads(record.encode()), REVERTED)
        self.assertEqual(RolloutRecord.decode(record.encode()), record)

    def test_other_versions(self) -> None:
        """Members that are absent have defaults, and unknown ones are ignored; a state has to be known."""
        value = as_bytes({"State": "paused", "Novelty": 1, "Lines": None})
        self.assertEqual(RolloutRecord.decode(value), RolloutRecord(RolloutState.PAUSED))
        for bad in ({}, {"State": "surprised"}):
            self.assertRaises(BadInput, RolloutRecord.decode, as_bytes(bad))

    def test_bounded(self) -> None:
        """The last lines are read, each up to a length, without what moves a cursor."""
        lines = RolloutRecord.decode(as_bytes(REVERTED | {"Lines": ["a"] * 100 + ["\x1b[2J" + "b" * 9999]})).lines
        self.assertEqual((len(lines), max(map(len, lines))), (MOST_LINES, LONGEST_TEXT))
        self.assertTrue(lines[-1].isprintable())

    def test_concerns(self) -> None:
        """A rollout that was reverted is about the definition before it, another one about the one it went to."""
        for state in RolloutState:
            record = RolloutRecord(state, OLD.digest, NEW.digest)
            present, other = (OLD, NEW) if state is RolloutState.REVERTED else (NEW, OLD)
            self.assertEqual([record.concerns(one) for one in (present, other, definition("web:3"))], [1, 0, 0])

    def test_printed(self) -> None:
        """A record prints as one line that says what became of the rollout, where and why."""
        said = "the rollout was reverted: 2.web.myapp on b: exited with status 1"
        self.assertEqual(str(RolloutRecord.decode(as_bytes(REVERTED))), said)
        self.assertEqual(str(RolloutRecord(RolloutState.PAUSED)), "the rollout is paused")

    @given(st.one_of(ANYTHING, spoiled(REVERTED).map(as_bytes)))
    def test_anything(self, data: bytes) -> None:
        """Any value is a record or bad input, reported in one line."""
        try:
            RolloutRecord.decode(data)
        except BadInput as error:
            self.assertNotIn("\n", str(error))
