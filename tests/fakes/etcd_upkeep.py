"""The databases of an etcd's members in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection

from attrs import define, evolve, field

from daprdockr.model.errors import EtcdForbidden, EtcdUnavailable
from daprdockr.model.etcd_look import EtcdLook, MemberStatus

MIB = 2**20


def status(member: int, size: int = 10 * MIB, used: int | None = None, revision: int = 100) -> MemberStatus:
    """A member that thinks that the first one leads."""
    return MemberStatus(member, 1, revision, size, size if used is None else used)


def looked(*statuses: MemberStatus, full: Collection[int] = (), corrupt: bool = False) -> EtcdLook:
    """The answers of three members."""
    return EtcdLook(frozenset({1, 2, 3}), statuses, frozenset(full), corrupt)


@define
class MemoryUpkeep:
    """
    ``live`` is the size of a database that was written anew. ``asked`` has the calls; ``on_look`` is one before each
    answer. While ``away`` nobody answers, and while ``forbidden`` no member is defragmented.
    """

    look_next: EtcdLook
    live: int = MIB
    asked: list[str] = field(factory=list)
    away: bool = False
    forbidden: bool = False
    on_look: Callable[[], object] = field(default=lambda: None)

    def look(self) -> EtcdLook:
        self.asked.append("look")
        self.on_look()
        if self.away:
            raise EtcdUnavailable("etcd did not answer")
        return self.look_next

    def compact(self, revision: int) -> None:
        self.asked.append(f"compact {revision}")

    def defragment(self, member: int) -> None:
        self.asked.append(f"defragment {member}")
        if self.forbidden:
            raise EtcdForbidden("etcd refuses this client")
        smaller = [
            evolve(one, size=self.live, used=self.live) if one.member == member else one
            for one in self.look_next.statuses
        ]
        self.look_next = evolve(self.look_next, statuses=tuple(smaller))

    def disarm(self, members: Collection[int]) -> None:
        self.asked.append(f"disarm {sorted(members)}")
        self.look_next = evolve(self.look_next, full=frozenset())

    @property
    def done(self) -> list[str]:
        """The calls that change something."""
        return [one for one in self.asked if one != "look"]
