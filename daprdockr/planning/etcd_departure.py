"""
Hosts that leave in good order, and members of etcd that are lost for good: decisions, from what etcd lists.

Note [Never below a quorum]
    A member leaves only if more than half of the members that vote without it answer. A learner that is to vote then is
    given its vote first, so that there is no moment with fewer votes than afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import EtcdMember
from daprdockr.planning.etcd_membership import MemberStep, PromoteMember, RemoveMember, may_vote


def departure(members: Sequence[EtcdMember], url: str, up: Collection[int]) -> tuple[MemberStep, ...]:
    """
    Return the steps by which the member at ``url`` leaves; none where an interrupted attempt has taken them.

    :param up: the numbers of members that answer.
    :raises BadInput: what is left would have no quorum.
    """
    own = [one for one in members if url in one.peers]
    rest = [one for one in members if one not in own]
    if not own:
        return ()
    if not rest:
        raise BadInput(
            "this host has the only member of etcd: let another host join first (without -client), or, to give up the"
            " cluster with all that it stores, end the agent and remove its state directory"
        )
    if own[0].learner:
        return (RemoveMember(own[0]),)
    risen = [one for one in rest if one.learner and one.id in up][: 1 if may_vote(rest) else 0]
    voters = [one for one in rest if not one.learner] + risen
    answering = sum(one.id in up for one in voters)
    if answering <= len(voters) // 2:
        raise BadInput(
            f"{answering} of the {len(voters)} other members of etcd that vote answer, which is no quorum: start the"
            " others first, or let new hosts join in their places"
        )
    return (*(PromoteMember(one) for one in risen), RemoveMember(own[0]))


def given_up(own: str, voters: Sequence[str], answering: Collection[str]) -> tuple[str, ...]:
    """
    Return the URLs of the members that are given up when the one at ``own`` goes on alone.

    :param voters: the URLs by which clients reached the members that vote.
    :raises BadInput: it cannot go on, or does not have to.
    """
    others = tuple(url for url in voters if url != own)
    for url in others:
        if url in answering:
            raise BadInput(
                f"the member of etcd at {url} answers, and nothing is given up while it does: a quorum goes on by"
                " itself, and a host that joins replaces a lost one. Switch that host off if it is to be given up"
            )
    if own not in voters:
        raise BadInput(
            "the member of etcd on this host has no vote, and etcd cannot go on from it: run this on a host whose"
            " member voted, or begin anew with init and restore a backup"
        )
    if not others:
        raise BadInput("the member of etcd on this host is the only one that votes: there is no other to give up")
    return others
