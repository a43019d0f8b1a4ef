"""Hosts with a member of etcd, and members that vote."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import member_url
from daprdockr.planning.etcd_membership import (
    AddLearner,
    PromoteMember,
    RemoveMember,
    admission,
    admission_of_client,
    begins_with,
    may_vote,
    voters_urls,
    votes_wanted,
)
from tests.fakes.etcd_members import member

A, B, C, D, E = (member(number, name) for number, name in enumerate("abcde", 1))
URL = member_url("10.0.0.9")
ADD = AddLearner(URL)


class AdmissionTests(SynchronousTestCase):
    """``admission``."""

    def test_second(self) -> None:
        """The second host's member copies."""
        self.assertEqual(admission([A], "x", URL, ()), (ADD,))

    def test_third(self) -> None:
        """Before the third comes the second one votes, because etcd takes one learner at a time."""
        waiting = member(2, "b", learner=True)
        self.assertEqual(admission([A, waiting], "x", URL, ()), (PromoteMember(waiting), ADD))

    def test_sixth(self) -> None:
        """Further hosts are clients."""
        self.assertEqual(admission([A, B, C, D, E], "x", URL, ()), ())

    def test_again(self) -> None:
        """A host whose member was announced, and never began, goes on with it."""
        announced = member(9, learner=True)
        self.assertEqual(admission([A, announced], "x", URL, ()), ())

    def test_replaced(self) -> None:
        """The next host takes the place of one member that is gone, and of no more than one."""
        self.assertEqual(admission([A, B, C], "x", URL, {2}), (RemoveMember(B), ADD))
        self.assertEqual(admission([A, B, C, D, E], "x", URL, {2, 3}), (RemoveMember(B), ADD))

    def test_comes_back(self) -> None:
        """A host that was installed anew takes its own place, even if another one is gone too."""
        self.assertEqual(admission([A, B, C], "c", URL, {2, 3}), (RemoveMember(C), ADD))
        self.assertEqual(admission([A, B, C], "x", member_url("10.0.0.3"), {3})[0], RemoveMember(C))

    def test_silent_learner(self) -> None:
        """A member that copies and is gone cannot get its vote: it is the one whose place is taken, or goes beside."""
        gone = member(4, "d", learner=True)
        self.assertEqual(admission([A, B, C, gone], "x", URL, {2, 4}), (RemoveMember(gone), ADD))
        self.assertEqual(admission([A, B, C, gone], "b", URL, {2, 4}), (RemoveMember(B), RemoveMember(gone), ADD))
        self.assertEqual(admission([A, B, C, gone], "d", URL, {4}), (RemoveMember(gone), ADD))

    def test_taken(self) -> None:
        """A name or address whose member lives is refused by name."""
        for node, url in (("b", URL), ("x", member_url("10.0.0.2"))):
            self.assertIn(
                "b at https://10.0.0.2:2380", str(self.assertRaises(BadInput, admission, [A, B], node, url, ()))
            )

    def test_client(self) -> None:
        """A node that is to have no member takes nobody's place; what was its own goes, unless that lives."""
        copies, announced = member(4, "d", learner=True), member(9, learner=True)
        self.assertEqual(admission_of_client([A, B, copies], "x", URL, {2, 4}), ())
        self.assertEqual(admission_of_client([A, B, announced], "x", URL, {2}), (RemoveMember(announced),))
        self.assertEqual(admission_of_client([A, B, C], "c", URL, {2, 3}), (RemoveMember(C),))
        self.assertIn("c at", str(self.assertRaises(BadInput, admission_of_client, [A, B, C], "c", URL, {2})))

    def test_read(self) -> None:
        """Each step is one line for people."""
        unbegun = member(9)
        lines = [
            str(step)
            for step in (RemoveMember(B), PromoteMember(unbegun), PromoteMember(B), RemoveMember(unbegun), ADD)
        ]
        self.assertEqual(lines[0], "take out the member b")
        self.assertEqual(lines[1], "give the member https://10.0.0.9:2380 its vote")
        self.assertEqual(lines[-1], "add a member at https://10.0.0.9:2380")


class VoteTests(SynchronousTestCase):
    """``may_vote`` and the lists made from the members."""

    def test_odd(self) -> None:
        """One, three or five members vote."""
        self.assertEqual([votes_wanted(number) for number in range(1, 6)], [1, 1, 3, 3, 5])

    def test_may_vote(self) -> None:
        """The second and the fourth wait, the third and the fifth do not; one waits no longer when a voter has left."""
        learner = member(9, "x", learner=True)
        self.assertEqual([may_vote([*[A, B, C, D, E][:n], learner]) for n in range(1, 5)], [False, True, False, True])

    def test_lists(self) -> None:
        """Clients are led to those that vote; a new member begins with all."""
        learner = member(9, learner=True)
        self.assertEqual(voters_urls([B, A, learner]), ("https://10.0.0.1:2379", "https://10.0.0.2:2379"))
        expected = ("a=https://10.0.0.1:2380", "x=https://10.0.0.9:2380")
        self.assertEqual(begins_with([A, learner], "x", URL), expected)
        self.assertEqual(begins_with([A, member(8), learner], "x", URL)[0], "8=https://10.0.0.8:2380")
