"""Records of volumes are written, marked and deleted, each by one transaction that compares what it depends on."""

from __future__ import annotations

from attrs import evolve

from daprdockr.agent.reconcile.transactions import ConditionFailed
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.entries import Delete, Entry
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.revisioned import StoredVolumes
from daprdockr.model.stored.volume import VolumeRecord
from daprdockr.planning.claim_steps import TakeClaim
from daprdockr.planning.outcome import Done, Retry
from daprdockr.planning.volume_steps import ForgetVolumes, NoteOverdue, RecordVolumes
from tests.build.carry_out import FIRST, CarryOutCase
from tests.build.values import KEYS, WEB, definition

KEY = KEYS.volumes(FIRST)
HERE, THERE = VolumeRecord("a", ("data",)), VolumeRecord("b", ("data",))


class VolumeStepsTests(CarryOutCase):
    @property
    def stored(self) -> StoredVolumes | None:
        return self.mirror.cluster.volumes(WEB).get(1)

    def own(self) -> int:
        self.do(TakeClaim(FIRST, ClaimRecord("a")))
        assert self.claim is not None
        return self.claim.fence

    def put(self, record: VolumeRecord) -> int:
        self.store.put(KEY, record.encode())
        entry = self.store.get(KEY)
        assert entry is not None
        self.mirror.note(entry)
        return entry.mod_revision

    def test_record(self) -> None:
        """The owner's record stands under no lease, and the mirror knows it before the watch."""
        fence = self.own()
        self.assertEqual(self.outcome(RecordVolumes(FIRST, HERE, fence, 0)), Done())
        entry = self.store.get(KEY)
        assert entry is not None
        self.assertEqual((entry.lease, self.stored), (0, StoredVolumes(HERE, entry.mod_revision)))
        self.assertIn(entry, self.mirror.cluster.entries)

    def test_written_again(self) -> None:
        """A later write keeps the create revision: with another one the mirror would doubt this etcd."""
        fence = self.own()
        self.do(RecordVolumes(FIRST, HERE, fence, 0))
        first = self.store.get(KEY)
        assert first is not None and self.stored is not None
        self.do(RecordVolumes(FIRST, evolve(HERE, volumes=("data", "logs")), fence, self.stored.revision))
        entry = self.store.get(KEY)
        assert entry is not None
        self.assertEqual(entry.create_revision, first.create_revision)
        self.assertIn(entry, self.mirror.cluster.entries)

    def test_not_the_owner(self) -> None:
        """Without the claim, or without a certain lease, nothing is written."""
        self.fails(RecordVolumes(FIRST, HERE, 3, 0), ConditionFailed)
        fence = self.own()
        self.here = evolve(self.here, lease=0)
        self.fails(RecordVolumes(FIRST, HERE, fence, 0), ConditionFailed)
        self.assertIsNone(self.store.get(KEY))

    def test_changed_meanwhile(self) -> None:
        """A record that a person changed meanwhile stays as it is."""
        fence, revision = self.own(), self.put(THERE)
        self.assertIsInstance(self.outcome(RecordVolumes(FIRST, HERE, fence, revision - 1)), Retry)
        entry = self.store.get(KEY)
        self.assertEqual(entry and entry.value, THERE.encode())
        self.do(RecordVolumes(FIRST, HERE, fence, revision))

    def test_overdue(self) -> None:
        """That an instance still waits is an event, once, unless it got a node meanwhile."""
        revision, late = self.put(THERE), evolve(THERE, overdue=True)
        self.do(NoteOverdue(FIRST, late, revision))
        assert self.stored is not None
        self.assertEqual(self.stored.record, late)
        ((subject, text),) = self.told
        self.assertEqual(subject, "1.web.myapp")
        self.assertIn("still waits for b, which has its volume data", text)
        self.assertIn("daprdockrcmd volume move 1.web.myapp NODE", text)
        self.fails(NoteOverdue(FIRST, late, revision), ConditionFailed)
        self.own()
        self.fails(NoteOverdue(FIRST, late, self.stored.revision), ConditionFailed)
        self.assertEqual(len(self.told), 1)

    def test_overdue_cordoned(self) -> None:
        """Of a node that is only cordoned the event says how it takes instances again."""
        node = Entry(KEYS.node("b"), NodeRecord().encode(), 8, 8, 5)
        self.mirror.note(node, Entry(KEYS.cordon("b"), b"", 9, 9))
        self.do(NoteOverdue(FIRST, evolve(THERE, overdue=True), self.put(THERE)))
        self.assertIn("its volume data: daprdockrcmd uncordon b, or leave that data", self.told[0][1])

    def test_forget(self) -> None:
        """The records of a deleted service go; those of one that exists again stay."""
        self.put(THERE)
        self.store.put(KEYS.service(WEB), definition().encode())
        self.fails(ForgetVolumes(FIRST, (1, 2)), ConditionFailed)
        self.store.commit([], [Delete(KEYS.service(WEB))])
        self.do(ForgetVolumes(FIRST, (1, 2)))
        self.assertIsNone(self.store.get(KEY))

    def test_claim(self) -> None:
        """An instance is claimed only if its record is as it was when that was decided."""
        revision = self.put(THERE)
        self.fails(TakeClaim(FIRST, ClaimRecord("a"), 0), ConditionFailed)
        self.do(TakeClaim(FIRST, ClaimRecord("a"), revision))
        assert self.claim is not None
        self.assertEqual(self.claim.node, "a")
