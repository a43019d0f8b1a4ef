"""Slots, runs and ends of rollouts by service: nothing is left where the last one goes, and garbage changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.known.activity import Activity
from daprdockr.model.stored.entries import Deleted, Entry
from daprdockr.model.stored.mirrored_keys import RolloutKey, RunKey, SlotKey
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.stored.run import RunRecord, RunState
from daprdockr.model.stored.slot import SlotRecord
from tests.build.values import API, WEB, instance

T = TypeVar("T")

SLOT = SlotRecord("a", instance(2), "0123456789ab")
RUN = RunRecord(RunState.RUNNING, node="a", started=1.0)


def read(entry: Entry, parse: Callable[[bytes], T]) -> T:
    return parse(entry.value)


class ActivityTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.activity = Activity()

    def take(self, name: SlotKey | RunKey | RolloutKey, value: bytes | None, revision: int = 7) -> None:
        """Have the key hold this value; None: it is deleted."""
        change = Deleted("k", revision) if value is None else Entry("k", value, 3, revision, 77)
        self.activity.set(name, change, read)

    def test_slots(self) -> None:
        """A slot is known by service and number, with its revisions and lease, until it is free."""
        self.take(SlotKey(WEB, 1), SLOT.encode())
        self.take(SlotKey(WEB, 2), SLOT.encode())
        first = self.activity.slots[WEB][1]
        self.assertEqual((first.record, first.revision, first.lease), (SLOT, 7, 77))
        self.take(SlotKey(WEB, 1), None)
        self.assertEqual(set(self.activity.slots[WEB]), {2})
        self.take(SlotKey(WEB, 2), None)
        self.assertEqual(self.activity.slots, {})

    def test_slot_of_another(self) -> None:
        """A slot for an instance of another service does not count, and leaves no trace."""
        self.assertRaises(BadInput, self.take, SlotKey(API, 1), SLOT.encode())
        self.assertEqual(self.activity.slots, {})

    def test_runs(self) -> None:
        """A run is known by service and number; what cannot be read leaves the last readable record."""
        self.take(RunKey(WEB, 4), RUN.encode())
        self.assertRaises(BadInput, self.take, RunKey(WEB, 4), b"{", 8)
        self.assertRaises(BadInput, self.take, RunKey(WEB, 5), b"{", 8)
        self.assertEqual({number: run.record for number, run in self.activity.runs[WEB].items()}, {4: RUN})
        self.take(RunKey(WEB, 4), None)
        self.assertEqual(self.activity.runs, {})

    def test_rollouts(self) -> None:
        """The end of a rollout that cannot be read leaves the last readable one, until it is deleted."""
        record = RolloutRecord(RolloutState.REVERTED, reason="it exits")
        self.take(RolloutKey(WEB), record.encode())
        self.assertRaises(BadInput, self.take, RolloutKey(WEB), b"{", 8)
        self.assertEqual(self.activity.rollouts[WEB].record, record)
        self.take(RolloutKey(WEB), None, 9)
        self.assertEqual(self.activity.rollouts, {})
