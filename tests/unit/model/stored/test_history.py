"""The history of a service: revisions read back what was written, and each definition is stored with its own."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.reading import LONGEST_AUTHOR, MAX_DOCUMENT
from daprdockr.model.stored.entries import Absent, Delete, Entry, Put, Unchanged
from daprdockr.model.stored.history import KEPT, RevisionRecord, Revisions
from daprdockr.model.wanted.definition import Definition
from tests.build.stored import revisions_in
from tests.build.strategies import ANYTHING, DEFINITIONS, as_bytes, spoiled
from tests.build.values import API, KEYS, WEB, definition
from tests.fakes.store import MemoryStore

REVISION = {
    "Definition": {"Name": "web", "Group": "myapp", "Instances": 1, "Container": {"Image": "web:1"}},
    "Digest": definition().digest,
    "Time": 1763817600.25,
    "By": "anna@desk",
    "Good": True,
}
RECORDS = st.builds(RevisionRecord, DEFINITIONS, st.floats(0, 1e12), st.sampled_from(["anna@desk", ""]), st.booleans())


class RevisionRecordTests(SynchronousTestCase):
    def test_written_form(self) -> None:
        """The JSON form is the one that all versions share."""
        record = RevisionRecord.decode(as_bytes(REVISION))
        self.assertEqual(record, RevisionRecord(definition(), 1763817600.25, "anna@desk", good=True))
        self.assertEqual(json.loads(record.encode()), REVISION)

    @given(RECORDS)
    def test_reads_what_it_writes(self, record: RevisionRecord) -> None:
        """A record reads back from its bytes."""
        self.assertEqual(RevisionRecord.decode(record.encode()), record)

    def test_other_versions(self) -> None:
        """Members that are absent have defaults, and unknown ones are ignored."""
        value = as_bytes({"Definition": REVISION["Definition"], "Novelty": 1, "Time": None})
        self.assertEqual(RevisionRecord.decode(value), RevisionRecord(definition()))

    def test_too_large(self) -> None:
        """A revision that could not be read again is refused in one line, which says how much is too much."""
        large = definition(Container={"Env": ["X=" + "y" * 262_000]})
        error = self.assertRaises(BadInput, RevisionRecord(large, 1.0, "anna@desk").encode)
        self.assertRegex(str(error), r"^the definition of web.myapp is too large: make it \d+ bytes smaller$")

    def test_bounded(self) -> None:
        """An author is read as one line of bounded length."""
        by = RevisionRecord.decode(as_bytes(REVISION | {"By": "x\n\x1b[31m" * 10_000})).by
        self.assertTrue(by.isprintable())
        self.assertLessEqual(len(by), LONGEST_AUTHOR)

    @given(st.one_of(ANYTHING, spoiled(REVISION).map(as_bytes)))
    def test_anything(self, data: bytes) -> None:
        """Any value is a record or bad input, reported in one line."""
        try:
            RevisionRecord.decode(data)
        except BadInput as error:
            self.assertNotIn("\n", str(error))


class HistoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = MemoryStore()

    def read(self) -> Revisions:
        return revisions_in(self.store)

    def put_in_force(self, wanted: Definition, *, good: bool = False) -> None:
        """Store a definition as a command does that knows no other way."""
        entry = self.store.get(KEYS.service(WEB))
        revision = entry.mod_revision if entry else 0
        conditions, operations = self.read().storing(KEYS, RevisionRecord(wanted, 1.0, "anna@desk", good), revision)
        self.assertTrue(self.store.commit(conditions, operations).succeeded)

    def images(self) -> Sequence[tuple[int, object]]:
        return [(one.number, one.record.definition.container.fields["Image"]) for one in self.read().revisions]

    def test_one_transaction(self) -> None:
        """A definition and its revision are stored together, compared with what was read."""
        record = RevisionRecord(definition(), 1.0, "anna@desk")
        conditions, operations = Revisions(WEB).storing(KEYS, record, 7)
        self.assertEqual(conditions, (Unchanged(KEYS.service(WEB), 7), Absent(KEYS.revision(WEB, 1))))
        service, revision = KEYS.service(WEB), KEYS.revision(WEB, 1)
        self.assertEqual(operations, (Put(service, definition().encode()), Put(revision, record.encode())))

    def test_order(self) -> None:
        """Revisions are in the order of their numbers, which is not that of their keys."""
        for n in range(1, 13):
            self.put_in_force(definition(f"web:{n}"))
        self.assertEqual(self.images(), [(n, f"web:{n}") for n in range(3, 13)])
        newest = self.read().newest
        assert newest is not None
        self.assertEqual(newest.number, 12)

    def test_newest_good_kept(self) -> None:
        """The newest revision with which the service was healthy is kept in place of the oldest."""
        self.put_in_force(definition("web:0"), good=True)
        self.put_in_force(definition("web:1"), good=True)
        for n in range(2, 20):
            self.put_in_force(definition(f"web:{n}"))
        self.assertEqual([number for number, _ in self.images()], [2, *range(12, 21)])
        self.assertEqual(len(self.read().numbers), KEPT)

    def test_stored_without_revision(self) -> None:
        """A definition that an older version stored gets a revision as well when it is replaced."""
        old, new = RevisionRecord(definition("web:1")), RevisionRecord(definition("web:2"), 1.0, "anna@desk")
        self.store.commit(*Revisions(WEB).storing(KEYS, new, 0, old))
        self.assertEqual(self.images(), [(1, "web:1"), (2, "web:2")])
        newer = RevisionRecord(definition("web:3"), 2.0, "anna@desk")
        entry = self.store.get(KEYS.service(WEB))
        assert entry is not None
        self.store.commit(*self.read().storing(KEYS, newer, entry.mod_revision, RevisionRecord(new.definition)))
        self.assertEqual(self.images(), [(1, "web:1"), (2, "web:2"), (3, "web:3")])

    def test_another_writer(self) -> None:
        """Of two writers that read the same, one is refused, and nothing of its own is stored."""
        record = RevisionRecord(definition("web:2"), 1.0, "anna@desk")
        late = self.read().storing(KEYS, record, 0)
        self.put_in_force(definition("web:1"))
        self.assertFalse(self.store.commit(*late).succeeded)
        self.store.commit([], [Delete(KEYS.service(WEB))])
        self.assertFalse(self.store.commit(*late).succeeded)
        self.assertEqual(self.images(), [(1, "web:1")])

    def test_unreadable(self) -> None:
        """A revision that cannot be read is left out, and its number is not used again."""
        self.put_in_force(definition("web:1"))
        other = RevisionRecord(Definition.read(definition().write() | {"Name": "api"}))
        for number, value in ((2, b"no JSON"), (3, other.encode())):
            self.store.put(KEYS.revision(WEB, number), value)
        for text in ("x", "01", "4/5", "0"):
            self.store.put(KEYS.history(WEB) + text, b"{}")
        self.put_in_force(definition("web:2"))
        self.assertEqual(self.images(), [(1, "web:1"), (4, "web:2")])

    def test_hostile_amount(self) -> None:
        """Of thousands of revisions that others wrote, one transaction deletes as many as etcd allows."""
        value = RevisionRecord(definition()).encode()
        entries = [Entry(KEYS.revision(WEB, n), value, 1, 1) for n in range(1, 3000)]
        _, operations = Revisions.read(KEYS, WEB, entries).storing(KEYS, RevisionRecord(definition("web:2")), 1)
        self.assertLess(len(operations), 128)

    def test_lease_ends(self) -> None:
        """Revisions that would end with a lease are kept without it once the service has a definition again."""
        lease = self.store.grant(60)
        self.store.put(KEYS.revision(WEB, 1), RevisionRecord(definition("web:1")).encode(), lease.id)
        self.put_in_force(definition("web:2"))
        self.store.revoke(lease.id)
        self.assertEqual(self.images(), [(1, "web:1"), (2, "web:2")])

    def test_deleted(self) -> None:
        """With a deleted definition as many of its newest revisions are left as fit a transaction of etcd."""
        for n in range(1, 11):
            self.put_in_force(definition(f"web:{n}", Container={"Env": ["X=" + "y" * 100_000]}))
        entry = self.store.get(KEYS.service(WEB))
        assert entry is not None
        lease = self.store.grant(60)
        conditions, operations = self.read().deleting(KEYS, entry.mod_revision, lease.id)
        self.assertLess(sum(len(one.value) for one in operations if isinstance(one, Put)), 2 * MAX_DOCUMENT)
        self.assertTrue(self.store.commit(conditions, operations).succeeded)
        self.assertEqual([number for number, _ in self.images()], [6, 7, 8, 9, 10])
        self.store.revoke(lease.id)
        self.assertEqual((self.read().numbers, self.store.get(KEYS.service(WEB))), ((), None))

    def test_deleted_meanwhile(self) -> None:
        """A deletion is refused if a revision was marked good since it was read, so that the mark is not lost."""
        self.put_in_force(definition("web:1"))
        entry = self.store.get(KEYS.service(WEB))
        assert entry is not None
        late = self.read().deleting(KEYS, entry.mod_revision, 0)
        self.store.put(KEYS.revision(WEB, 1), RevisionRecord(definition("web:1"), good=True).encode())
        self.assertFalse(self.store.commit(*late).succeeded)

    def test_newest_good(self) -> None:
        """The way back leads to the newest definition that was healthy and is not the present one."""
        one, two, three = (definition(f"web:{n}") for n in (1, 2, 3))
        for wanted, good in ((one, True), (two, True), (three, False)):
            self.put_in_force(wanted, good=good)
        found = [self.read().newest_good(unlike=wanted) for wanted in (three, two)]
        self.assertEqual([revision and revision.number for revision in found], [2, 1])
        self.assertIsNone(Revisions(API).newest_good(unlike=one))

    def test_mark(self) -> None:
        """A mark of the newest revision is written with the next one, unless somebody wrote that revision meanwhile."""
        self.put_in_force(definition("web:1"))
        entry = self.store.get(KEYS.service(WEB))
        assert entry is not None
        record = RevisionRecord(definition("web:2"), 1.0, "anna@desk")
        late = self.read().with_newest_good().storing(KEYS, record, entry.mod_revision)
        self.store.put(KEYS.revision(WEB, 1), RevisionRecord(definition("web:1")).encode())
        self.assertFalse(self.store.commit(*late).succeeded)
        self.store.commit(*self.read().with_newest_good().storing(KEYS, record, entry.mod_revision))
        self.assertEqual([one.record.good for one in self.read().revisions], [True, False])
        self.assertEqual(Revisions(WEB).with_newest_good(), Revisions(WEB))

    def test_find(self) -> None:
        """A revision is found by its number."""
        self.put_in_force(definition("web:1"))
        self.assertEqual([self.read().find(1), self.read().find(2)], [self.read().newest, None])
