"""Slots of a rollout are taken, kept for a newer definition, and freed, each by one transaction."""

from __future__ import annotations

from attrs import evolve

from daprdockr.agent.reconcile.transactions import ConditionFailed
from daprdockr.model.stored.revisioned import Slot
from daprdockr.model.stored.slot import SlotRecord
from daprdockr.planning.outcome import Done, Retry
from daprdockr.planning.rollout_steps import FreeSlot, TakeSlot
from tests.build.carry_out import FIRST, CarryOutCase
from tests.build.values import KEYS, WEB

SLOT_KEY = KEYS.slot(WEB, 1)
TAKE = TakeSlot(FIRST, 1, 0, "old")


def keep(slot: Slot, definition: str) -> TakeSlot:
    return TakeSlot(FIRST, 1, slot.fence, definition, revision=slot.revision)


class SlotStepsTests(CarryOutCase):
    @property
    def slot(self) -> Slot | None:
        return self.mirror.cluster.slots(WEB).get(1)

    def taken(self) -> Slot:
        self.do(TAKE)
        assert self.slot is not None
        return self.slot

    def test_take(self) -> None:
        """A free slot becomes this node's, under its lease, and the mirror knows before the watch."""
        slot, entry = self.taken(), self.store.get(SLOT_KEY)
        assert entry is not None
        self.assertEqual((slot.record, slot.lease), (SlotRecord("a", FIRST, "old"), self.here.lease))
        self.assertEqual((SlotRecord.decode(entry.value), entry.lease), (slot.record, slot.lease))
        self.assertEqual((slot.fence, slot.revision), (entry.create_revision, entry.mod_revision))

    def test_taken_by_another(self) -> None:
        """One that another node took first stays that node's."""
        value = SlotRecord("b", FIRST, "old").encode()
        self.store.put(SLOT_KEY, value, self.store.grant(60).id)
        self.assertIn("slot 1 of web.myapp", self.fails(TAKE, ConditionFailed))
        self.assertIsInstance(self.outcome(TAKE), Retry)
        entry = self.store.get(SLOT_KEY)
        self.assertEqual((entry and entry.value, self.slot), (value, None))

    def test_newer_definition(self) -> None:
        """For a newer definition the same key is written, as long as it is still the one that was taken."""
        before = self.taken()
        self.assertEqual(self.outcome(keep(before, "new")), Done())
        assert self.slot is not None
        self.assertEqual((self.slot.record.definition, self.slot.fence), ("new", before.fence))
        self.fails(TakeSlot(FIRST, 1, before.fence - 1, "newer", revision=self.slot.revision), ConditionFailed)

    def test_free(self) -> None:
        """A slot that was freed is nobody's; one that is another's by now is not freed."""
        slot = self.taken()
        self.fails(FreeSlot(FIRST, 1, slot.fence - 1, revision=slot.revision), ConditionFailed)
        self.do(FreeSlot(FIRST, 1, slot.fence, revision=slot.revision))
        self.assertEqual((self.store.get(SLOT_KEY), self.slot), (None, None))

    def test_late_request(self) -> None:
        """A request that was given up and arrives late undoes nothing: the slot was kept for a newer definition."""
        before = self.taken()
        self.do(keep(before, "new"))
        kept = self.slot
        self.fails(FreeSlot(FIRST, 1, before.fence, revision=before.revision), ConditionFailed)
        self.fails(keep(before, "between"), ConditionFailed)
        entry = self.store.get(SLOT_KEY)
        assert kept is not None and entry is not None
        self.assertEqual((self.slot, entry.mod_revision), (kept, kept.revision))

    def test_without_a_lease(self) -> None:
        """Without a certain lease nothing is asked of etcd: a key under no lease would never go."""
        self.here = evolve(self.here, lease=0)
        self.store.calls.clear()
        self.fails(TAKE, ConditionFailed)
        self.assertEqual(self.store.calls, [])
