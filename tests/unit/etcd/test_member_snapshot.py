"""The snapshot of a member, with members in memory."""

from __future__ import annotations

from itertools import pairwise

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.address import Access
from daprdockr.etcd.member_snapshot import snapshot_of_member
from daprdockr.model.errors import EtcdError, EtcdForbidden, EtcdUnavailable
from tests.fakes.failed_call import Code, FailedCall
from tests.fakes.snapshot_lanes import CHECKSUM, DATABASE, REFUSED, SILENT, SnapshotLanes

ACCESS = Access.parse("http://a:1,http://b:2")


class SnapshotTests(SynchronousTestCase):
    """``snapshot_of_member``."""

    def setUp(self) -> None:
        self.lanes = SnapshotLanes()

    def received(self) -> bytes:
        with snapshot_of_member(ACCESS, opening=self.lanes.opened) as snapshot:
            self.origin = (snapshot.place, snapshot.revision, snapshot.has_quorum)
            return b"".join(snapshot.pieces)

    def refused(self, kind: type[EtcdError]) -> str:
        error = self.assertRaises(kind, self.received)
        self.assertEqual(self.lanes.open, 0)
        return str(error)

    def test_whole(self) -> None:
        """All that the first member sends, its checksum too, and nothing stays open."""
        self.assertEqual(self.received(), DATABASE + CHECKSUM)
        self.assertEqual((self.origin, self.lanes.open), (("http://a:1", 7, True), 0))

    @given(st.lists(st.integers(0, len(DATABASE) + len(CHECKSUM)), max_size=6))
    def test_any_pieces(self, cuts: list[int]) -> None:
        """However it is cut into pieces, the same is received."""
        whole, places = DATABASE + CHECKSUM, [0, *sorted(cuts), len(DATABASE) + len(CHECKSUM)]
        pieces = [whole[start:end] for start, end in pairwise(places)]
        self.lanes = SnapshotLanes(pieces=pieces)
        self.assertEqual(self.received(), whole)

    def test_another_member(self) -> None:
        """A member that does not answer is passed over."""
        self.lanes.silent = {"a:1"}
        self.received()
        self.assertEqual(self.origin, ("http://b:2", 7, True))

    def test_no_quorum(self) -> None:
        """Without a quorum, what the first one has that answers; and that is said."""
        self.lanes.alone = True
        self.lanes.silent = {"a:1"}
        self.assertEqual(self.received(), DATABASE + CHECKSUM)
        self.assertEqual(self.origin, ("http://b:2", 7, False))

    def test_nobody(self) -> None:
        """If nobody answers, it says whom it asked."""
        self.lanes.silent = {"a:1", "b:2"}
        self.assertIn("etcd did not answer at http://a:1", self.refused(EtcdUnavailable))

    def test_broken_off(self) -> None:
        """A stream that breaks ends in one line; no other member goes on in the midst of it."""
        self.lanes.pieces.pop()
        self.lanes.ending = SILENT
        self.assertIn("broke off", self.refused(EtcdUnavailable))
        self.assertEqual(set(self.lanes.asked), {"a:1"})

    def test_cut(self) -> None:
        """A stream that ends too soon without an error, or with nothing in it, lacks the checksum."""
        for pieces in ([], [b""], [DATABASE], [DATABASE, CHECKSUM[:-1]], [CHECKSUM], [DATABASE[:-1], CHECKSUM]):
            self.lanes.pieces = pieces
            self.assertIn("its checksum is wrong", self.refused(EtcdUnavailable))

    def test_changed(self) -> None:
        """A single bit that changed on the way is noticed."""
        self.lanes.pieces[1] = bytes([self.lanes.pieces[1][0] ^ 1]) + self.lanes.pieces[1][1:]
        self.assertIn("its checksum is wrong", self.refused(EtcdUnavailable))

    def test_root_alone(self) -> None:
        """A user without the role root learns that, whichever call etcd refuses."""
        for call in ("Range", "Snapshot"):
            self.lanes.refusing = {call: REFUSED}
            self.assertIn("role root alone: add -etcd-user root", self.refused(EtcdForbidden))

    def test_refused(self) -> None:
        """Another refusal is passed on as it is."""
        self.lanes.refusing = {"Snapshot": FailedCall(Code.UNIMPLEMENTED, "unknown method Snapshot")}
        self.assertIn("unknown method", self.refused(EtcdError))

    def test_credentials(self) -> None:
        """Each member is asked with the same credentials, and for itself."""
        given: list[Access] = []

        def opening(access: Access) -> object:
            given.append(access)
            return self.lanes.opened(access)

        self.lanes.silent = {"a:1"}
        with snapshot_of_member(ACCESS, opening=opening):  # type: ignore[arg-type]
            pass
        self.assertEqual(given, [evolve(ACCESS, endpoints=(one,)) for one in ACCESS.endpoints])
