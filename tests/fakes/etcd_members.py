"""The members of an etcd in memory: one learner at a time, and one that catches up when the test says so."""

from __future__ import annotations

from attrs import define, evolve, field

from daprdockr.model.errors import EtcdRefused, EtcdUnavailable
from daprdockr.model.etcd_member import EtcdMember, client_url, member_url


def member(number: int, name: str = "", learner: bool = False) -> EtcdMember:
    """The member at 10.0.0.<number>; without a name it has not begun."""
    address = f"10.0.0.{number}"
    return EtcdMember(number, name, (member_url(address),), (client_url(address),) if name else (), learner)


@define
class MemoryMembers:
    """``behind`` are learners that have not caught up; ``refusals`` is how many changes are refused at first."""

    members: list[EtcdMember]
    behind: set[int] = field(factory=set)
    refusals: int = 0
    unavailable: bool = False
    asked: list[str] = field(factory=list)

    def list(self) -> tuple[EtcdMember, ...]:
        if self.unavailable:
            raise EtcdUnavailable("etcd did not answer")
        return tuple(self.members)

    def add_learner(self, url: str) -> None:
        self._take(f"add {url}")
        if any(one.learner for one in self.members):
            raise EtcdRefused("too many learner members in cluster")
        self.members.append(EtcdMember(100 + len(self.members), "", (url,), (), True))

    def promote(self, member: int) -> None:
        self._take(f"promote {member}")
        if member in self.behind:
            raise EtcdRefused("can only promote a learner member which is in sync with leader")
        self.members = [evolve(one, learner=False) if one.id == member else one for one in self.members]

    def remove(self, member: int) -> None:
        self._take(f"remove {member}")
        self.members = [one for one in self.members if one.id != member]

    def _take(self, what: str) -> None:
        self.asked.append(what)
        if self.refusals:
            self.refusals -= 1
            raise EtcdUnavailable("unhealthy cluster")
