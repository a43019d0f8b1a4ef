"""
The member of etcd on this host, and those on others: the agent asks for its vote, and follows where the members are.

Note [Its own promotion]
    Each agent asks etcd to give the member beside it a vote, when it is its turn (Note [How many vote] in
    ``planning.etcd_membership``), while that answers: Note [A vote for those that answer] in ``etcd.member_change``.
    Etcd refuses until the member has caught up, so the agent asks again. Nobody leads.

Note [Begun late]
    A member is started with the members that there were when its host joined, and etcd does not begin with others: one
    may have left, or been replaced, before a port was opened here or somebody started the agent. So as long as the
    member is awaited it is to begin with those that are listed now.

Note [Taken out]
    A member that was replaced while its host was off is in no list any more, and etcd does not let it come back. The
    agent believes that after ``ABSENT`` lists in a row, because a member that has just begun may answer with an old
    one. Then it goes on as a client: the containers stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from attrs import evolve
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.etcd.address import EtcdEndpoint
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput, EtcdError
from daprdockr.model.etcd_member import EtcdMember, HostPart, member_url
from daprdockr.model.seams import MemberList
from daprdockr.planning.etcd_membership import begins_with, may_vote, voters_urls
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.periodic import Periodic
from daprdockr.runtime.pool import Run

INTERVAL = 2.0
"""Seconds between two lists of the members."""

ABSENT = 5
"""See Note [Taken out]."""

VOTES, COPIES = "votes", "copies"
"""The two things that a member may do; a client does neither."""


class OwnMember(Periodic):
    """
    :param move: has the connections of this agent use other endpoints.
    :param is_up: whether a member answers; blocking.
    :param retire: has the member of this host run no more.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        run: Run,
        members: MemberList,
        files: ClusterFiles,
        move: Callable[[tuple[EtcdEndpoint, ...]], None],
        is_up: Callable[[EtcdMember], bool],
        retire: Callable[[], object],
    ) -> None:
        super().__init__(reactor=reactor, interval=INTERVAL, failing="the members of etcd cannot be followed")
        self._run = run
        self._members = members
        self._files = files
        self._move = move
        self._is_up = is_up
        self._retire = retire
        self._known: tuple[str, ...] = ()
        self._absent = 0
        self._unnoted = LoggedOnce(
            lambda reason: self.log.warn(
                "the member of etcd on this host was taken out, which cannot be noted: {reason}", reason=reason
            )
        )
        self.members: tuple[EtcdMember, ...] = ()
        """All members, as etcd listed them last."""
        self.role = ""
        """The part of the member of this host: ``VOTES``, ``COPIES``, or "" where there is none."""

    async def poll(self) -> None:
        """Follow the members once."""
        try:
            found = await self._run(self._members.list)
        except EtcdError:
            return
        self.members = found
        await self._run(self._follow, voters_urls(found))
        part = await self._run(self._files.part)
        if part is None or not part.is_member:
            self.role = ""
            return
        own = next((one for one in found if member_url(part.address) in one.peers), None)
        if own is None:
            await self._miss(part)
            return
        self._absent = 0
        if not own.name:
            self.role = ""
            await self._run(self._note_others, part, found)
            return
        await self._run(self._mark_begun)
        self.role = COPIES if own.learner else VOTES
        if own.learner and may_vote(found) and await self._run(self._is_up, own):
            await self._promote(own)

    def _follow(self, urls: tuple[str, ...]) -> None:
        """Take up other endpoints. Blocking."""
        if not urls or urls == self._known:
            return
        try:
            self._files.write_endpoints(urls)
            access = self._files.access()
        except BadInput as error:
            self.log.warn("the members of etcd were not noted: {reason}", reason=str(error))
            return
        if access is not None:
            self._move(access.endpoints)
            self._known = urls
            self.log.info("the members of etcd are {urls}", urls=", ".join(urls))

    def _mark_begun(self) -> None:
        """Note that this member had data. Blocking."""
        if not self._files.began.exists():
            with suppress(BadInput):  # on a full disk; it is tried again
                self._files.write(self._files.began, b"")

    def _note_others(self, part: HostPart, found: Sequence[EtcdMember]) -> None:
        """See Note [Begun late]. Blocking."""
        now = evolve(part, initial=begins_with(found, part.node, member_url(part.address)))
        if now != part:
            with suppress(BadInput):  # on a full disk; it is tried again
                self._files.write(self._files.host, now.encode())

    async def _promote(self, own: EtcdMember) -> None:
        try:
            await self._run(self._members.promote, own.id)
        except EtcdError as error:
            self.log.debug("the member of etcd has no vote yet: {reason}", reason=str(error))
        else:
            self.role = VOTES
            self.log.info("the member of etcd on this host has caught up and votes")

    async def _miss(self, part: HostPart) -> None:
        """See Note [Taken out]."""
        self._absent += 1
        if self._absent < ABSENT:
            return
        try:
            await self._run(self._files.write, self._files.host, evolve(part, initial=()).encode())
        except BadInput as error:  # on a full disk; it is tried again
            self._unnoted.found(str(error))
            return
        self.role = ""
        self._retire()
        self.log.warn("the member of etcd on this host was taken out: the host goes on as a client")
