"""Hosts that leave, and members that are lost for good."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.planning.etcd_departure import departure, given_up
from daprdockr.planning.etcd_membership import PromoteMember, RemoveMember
from tests.fakes.etcd_members import member

A, B, C, D, E = (member(number, name) for number, name in enumerate("abcde", 1))
URL = A.peers[0]
ALL = range(1, 6)


class DepartureTests(SynchronousTestCase):
    """``a`` leaves."""

    def refused(self, *arguments: object) -> str:
        return str(self.assertRaises(BadInput, departure, *arguments))

    def test_leaves(self) -> None:
        """A member is taken out while a quorum of the others answers, and a learner in any case."""
        self.assertEqual(departure([A, B, C], URL, ALL), (RemoveMember(A),))
        self.assertEqual(departure([A, B, C, D, E], URL, {2, 3, 4}), (RemoveMember(A),))
        learner = member(1, "a", learner=True)
        self.assertEqual(departure([learner, B], URL, ()), (RemoveMember(learner),))

    def test_again(self) -> None:
        """A member that was taken out before needs no step."""
        self.assertEqual(departure([B, C], URL, ALL), ())

    def test_heir(self) -> None:
        """A learner that is to vote then gets its vote first, if it answers; one of two hosts at least."""
        heir = member(4, "d", learner=True)
        self.assertEqual(departure([A, heir], URL, ALL), (PromoteMember(heir), RemoveMember(A)))
        self.assertEqual(departure([A, B, C, heir], URL, ALL), (PromoteMember(heir), RemoveMember(A)))
        self.assertIn("0 of the 0 other", self.refused([A, heir], URL, {1}))

    def test_quorum(self) -> None:
        """Where the others would have no quorum, nobody leaves."""
        self.assertIn("1 of the 2 other members", self.refused([A, B, C], URL, {1, 2}))
        self.assertIn("2 of the 4 other members", self.refused([A, B, C, D, E], URL, {1, 2, 3}))

    def test_last(self) -> None:
        """The only member stays, and it is said how to end a cluster."""
        self.assertIn("remove its state directory", self.refused([A], URL, {1}))


class GivenUpTests(SynchronousTestCase):
    def refused(self, *arguments: object) -> str:
        return str(self.assertRaises(BadInput, given_up, *arguments))

    def test_given_up(self) -> None:
        """All others that voted are given up."""
        self.assertEqual(given_up("a", ["a", "b", "c"], ()), ("b", "c"))

    def test_answering(self) -> None:
        """While another one answers, none is given up."""
        self.assertIn("at c answers", self.refused("a", ["a", "b", "c"], ["c"]))

    def test_cannot(self) -> None:
        """One that only copies cannot go on, and the only one does not have to."""
        self.assertIn("has no vote", self.refused("a", ["b"], ()))
        self.assertIn("the only one", self.refused("a", ["a"], ()))
