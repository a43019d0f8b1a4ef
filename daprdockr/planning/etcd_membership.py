"""
Hosts with a member of etcd, and members that vote: decisions, from what etcd lists.

Note [How many vote]
    One host, or two: one member votes. Three or four: three vote. Five or more: five. An even number of votes survives
    no more losses than one less, and each of them can be lost. So the member of an even host copies and does not vote
    (etcd calls it a learner) until the next host joins. Etcd takes one learner at a time: before the next member comes
    the waiting one is given its vote. Further hosts are clients, and so is one that asked for it, which does not count.

Note [Replaced by the next]
    A member that does not answer, and whose agent does not report either, is taken out when the next host joins, which
    takes its place. Nobody takes it out before: a host that boots again within the hour goes on with its member. If it
    comes back after it was replaced, its agent goes on as a client. One that copies goes first, and also beside the
    former member of a host that was installed anew: nobody can give it its vote, without which no other one comes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import EtcdMember

MOST_MEMBERS = 5


@frozen
class RemoveMember:
    member: EtcdMember

    def __str__(self) -> str:
        return f"take out the member {self.member.name or self.member.peers[0]}"


@frozen
class PromoteMember:
    member: EtcdMember

    def __str__(self) -> str:
        return f"give the member {self.member.name or self.member.peers[0]} its vote"


@frozen
class AddLearner:
    url: str

    def __str__(self) -> str:
        return f"add a member at {self.url}"


MemberStep = RemoveMember | PromoteMember | AddLearner


def admission(members: Sequence[EtcdMember], node: str, url: str, silent: Collection[int]) -> tuple[MemberStep, ...]:
    """
    Return the steps by which a node joins that would have its member at ``url``; none that adds one where it is to be a
    client, or where an interrupted attempt has added it.

    :param silent: the numbers of members that do not answer and whose agents do not report, or that were announced
        long ago and have not begun.
    :raises BadInput: another host has this name or address.
    """
    own = _own(members, node, url, silent)
    if any(not one.name for one in own):
        return ()
    lost = sorted((one for one in members if one.id in silent), key=lambda one: not one.learner)
    gone = own + [one for one in lost if one.learner and one not in own] or lost[:1]
    rest = [one for one in members if one not in gone]
    steps: list[MemberStep] = [RemoveMember(one) for one in gone]
    if len(rest) < MOST_MEMBERS:
        steps += [PromoteMember(one) for one in rest if one.learner]
        steps.append(AddLearner(url))
    return tuple(steps)


def admission_of_client(
    members: Sequence[EtcdMember], node: str, url: str, silent: Collection[int]
) -> tuple[MemberStep, ...]:
    """
    Return the steps by which a node joins that is to have no member: those of its own go that are silent, or were
    announced by an attempt without ``-client``. It takes nobody's place.

    :param silent: as for ``admission``.
    :raises BadInput: another host has this name or address.
    """
    return tuple(RemoveMember(one) for one in _own(members, node, url, silent))


def _own(members: Sequence[EtcdMember], node: str, url: str, silent: Collection[int]) -> list[EtcdMember]:
    """Return the former members of a node, and one that was announced. :raises BadInput: one lives."""
    own = [one for one in members if one.name == node or url in one.peers]
    living = [one for one in own if one.name and one.id not in silent]
    if living:
        raise BadInput(
            f"{living[0].name} at {living[0].peers[0]} is a member already, and answers: choose another name or address"
        )
    return own


def votes_wanted(members: int) -> int:
    """Return how many of so many members vote: Note [How many vote]."""
    return members if members % 2 else members - 1


def may_vote(members: Sequence[EtcdMember]) -> bool:
    """Return whether one more learner is to vote."""
    return sum(not one.learner for one in members) < votes_wanted(len(members))


def voters_urls(members: Sequence[EtcdMember]) -> tuple[str, ...]:
    """Return where clients reach the members that vote: a learner answers no client."""
    return tuple(sorted(url for one in members if not one.learner for url in one.clients[:1]))


def begins_with(members: Sequence[EtcdMember], node: str, url: str) -> tuple[str, ...]:
    """Return the members as the new one of ``node`` at ``url`` is started with them."""
    others = [f"{one.name or one.id}={peer}" for one in members for peer in one.peers if peer != url]
    return (*sorted(others), f"{node}={url}")
