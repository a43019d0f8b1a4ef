# -*- test-case-name: tests.unit.peer.test_joining,tests.unit.cli.test_leaving -*-
"""
Changes of the members of etcd, taken one after the other. Blocking.

Note [A vote for those that answer]
    Etcd gives a learner that had caught up its vote even if it is down by now. With that vote there may be no quorum
    any more, so a learner is asked first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from daprdockr.model.errors import EtcdError, EtcdRefused, EtcdUnavailable
from daprdockr.model.etcd_member import EtcdMember
from daprdockr.model.seams import MemberList
from daprdockr.planning.etcd_membership import AddLearner, MemberStep, PromoteMember, RemoveMember

PATIENCE = 30.0
"""Seconds in which etcd may refuse a step that it takes a little later: a member has just come, or catches up."""

PAUSE = 1.0


@frozen
class MemberChanges:
    """
    :ivar is_up: whether a member answers.
    :ivar clock: monotonic seconds, and ``pause`` blocks for so many.
    """

    members: MemberList
    is_up: Callable[[EtcdMember], bool]
    clock: Callable[[], float]
    pause: Callable[[float], None]

    def carry_out(self, left: Callable[[], Sequence[MemberStep]]) -> None:
        """
        Take the steps; after a failure those that are left, because one that failed may have happened.

        :param left: returns the steps that are still to be taken.
        :raises EtcdRefused: etcd does not take one for long.
        """
        end = self.clock() + PATIENCE
        while True:
            steps = left()
            try:
                for step in steps:
                    self._take(step)
            except EtcdError as error:
                if self.clock() >= end:
                    text = f"etcd does not {step} ({error}): try again when all its members run"
                    raise EtcdRefused(text) from None
            else:
                return
            self.pause(PAUSE)

    def _take(self, step: MemberStep) -> None:
        match step:
            case RemoveMember(member):
                self.members.remove(member.id)
            case PromoteMember(member):
                if not self.is_up(member):
                    raise EtcdUnavailable("it does not answer")
                self.members.promote(member.id)
            case AddLearner(url):
                self.members.add_learner(url)
