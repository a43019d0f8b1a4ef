"""The room in etcd, as people and programs read it."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.etcd_look import KnownRoom
from daprdockr.picture.cells import size
from daprdockr.picture.etcd_room import room_line, room_row
from tests.fakes.etcd_upkeep import MIB, looked, status

WELL = KnownRoom(
    evolve(looked(*(status(member, 12 * MIB) for member in (1, 2, 3))), quota=2048 * MIB, compacted=3811), 7.0, 60.0
)


class RoomTests(SynchronousTestCase):
    def test_well(self) -> None:
        """One line: who answers, the size and the quota, and the last compaction."""
        self.assertEqual(
            room_line(WELL),
            "etcd: 3 of 3 members answer, its database has 12.0 MiB of 2.0 GiB, compacted at 1970-01-01 00:01:00Z up to"
            " revision 3811",
        )
        self.assertEqual(WELL.troubles, ())

    def test_unknown(self) -> None:
        """Figures that etcd did not give, and a compaction before the agent began, are left out."""
        line = room_line(evolve(WELL, look=evolve(WELL.look, quota=0), compacted_at=0.0))
        self.assertIn("its database has 12.0 MiB, compacted up to revision 3811", line)
        line = room_line(evolve(WELL, look=evolve(WELL.look, compacted=0)))
        self.assertTrue(line.endswith("2.0 GiB"), line)

    def test_troubles(self) -> None:
        """An alarm, a database that is nearly full, and a silent member are named, with what to do."""
        for change, word in (
            ({"full": frozenset({1})}, "takes no writes (alarm NOSPACE)"),
            ({"corrupt": True}, "disagree (alarm CORRUPT)"),
            ({"quota": 15 * MIB}, "80% of its quota"),
            ({"statuses": WELL.look.statuses[:2]}, "1 of its members does not answer: start it"),
        ):
            found = evolve(WELL, look=evolve(WELL.look, **change))
            self.assertEqual(len(found.troubles), 1)
            self.assertIn(word, room_line(found))
        both = evolve(WELL.look, full=frozenset({1}), quota=12 * MIB)
        self.assertEqual(len(evolve(WELL, look=both).troubles), 1)

    def test_row(self) -> None:
        """Programs get numbers."""
        row = room_row(WELL)
        self.assertEqual((row["Size"], row["Quota"], row["Full"], row["Answering"]), (12 * MIB, 2048 * MIB, False, 3))
        self.assertEqual((row["Compacted"], row["CompactedTime"], row["Time"]), (3811, 60.0, 7.0))

    def test_size(self) -> None:
        """A number of bytes has a unit that suits it."""
        sizes = {0: "0 KiB", 20480: "20 KiB", 12 * MIB: "12.0 MiB", 3 * 2**29: "1.5 GiB"}
        self.assertEqual({number: size(number) for number in sizes}, sizes)
