"""The members of an etcd, asked of etcd itself, and their changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from daprdockr.etcd.address import Access, EtcdEndpoint
from daprdockr.etcd.channel import EtcdChannel, open_lanes
from daprdockr.etcd.failover import Failover
from daprdockr.etcd.session import Session
from daprdockr.etcd.stubs import (
    MemberAddRequest,
    MemberListRequest,
    MemberRemoveRequest,
    RangeRequest,
    is_learner,
    learning,
)
from daprdockr.model.etcd_member import EtcdMember

Opening = Callable[[Access], tuple[EtcdChannel, ...]]


class EtcdMembers:
    """
    Safe to call from several threads; every call blocks, and raises EtcdError.

    :param timeout: of each call, in seconds.
    """

    def __init__(
        self, access: Access, timeout: float = 3.0, failover: Failover | None = None, opening: Opening = open_lanes
    ) -> None:
        self._session = Session(access, timeout, time.monotonic, open_lanes=opening, failover=failover or Failover())

    def list(self) -> tuple[EtcdMember, ...]:
        """Return the members as the one that answers knows them, by their numbers."""
        answer = self._call(lambda lane: lane.cluster.MemberList, MemberListRequest(), repeatable=True)
        return tuple(sorted(_member(one) for one in answer.members))

    def revision(self) -> int:
        """Return the revision that the answering member has: it asks no other, so it needs no quorum and no vote."""
        asked = RangeRequest(key=b"\0", serializable=True, keys_only=True)
        return int(self._call(lambda lane: lane.kv.Range, asked, repeatable=True).header.revision)

    def add_learner(self, url: str) -> None:
        """Have etcd expect a new member there, which copies and does not vote."""
        self._call(lambda lane: lane.cluster.MemberAdd, learning(MemberAddRequest(peerURLs=[url])))

    def promote(self, member: int) -> None:
        """Give a learner its vote; etcd refuses until it has caught up."""
        self._call(lambda lane: lane.promote, MemberRemoveRequest(ID=member))

    def remove(self, member: int) -> None:
        self._call(lambda lane: lane.cluster.MemberRemove, MemberRemoveRequest(ID=member))

    def move(self, endpoints: tuple[EtcdEndpoint, ...]) -> None:
        """Use these endpoints from now on."""
        self._session.move(endpoints)

    def reopen(self) -> None:
        """Use the present contents of the files of certificates; calls in progress go on."""
        self._session.reopen()

    def use_password(self, password: str) -> None:
        """Sign in with this password from now on, whenever etcd asks for that."""
        self._session.use_password(password)

    def close(self) -> None:
        self._session.close()

    def _call(self, method: Callable[[EtcdChannel], Any], request: Any, repeatable: bool = False) -> Any:
        return self._session.call(method, request, deadline=self._session.deadline(), repeatable=repeatable)


def _member(given: Any) -> EtcdMember:
    return EtcdMember(given.ID, given.name, tuple(given.peerURLs), tuple(given.clientURLs), is_learner(given))
