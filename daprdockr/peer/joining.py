"""
A host joins the cluster: its member of etcd is announced, and it receives certificates and the cluster key.
``docs/design/joining.rst`` has the way.

Note [Joined again]
    Nothing here has to be undone when the connection is lost. A member that was announced, and never began, is found
    by its address when the same host asks again; the certificates are signed anew.

Note [Announced, and never begun]
    Etcd takes no other learner while one is expected. A host that was announced and is given up would so block all
    others: when this agent has seen it not begun for ``BEGIN_WITHIN`` seconds, the next host takes its place.

Note [One place for one host]
    A host takes the place of one silent member at the most, however often it asks, so that somebody who repeats a
    ``join`` that fails does not take out one member after the other.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.etcd.member_change import MemberChanges
from daprdockr.model.errors import BadInput, DaprdockrError
from daprdockr.model.etcd_member import EtcdMember, member_url
from daprdockr.model.frames import FrameKind
from daprdockr.model.joining import JoinAnswer
from daprdockr.model.session import ClientJoinAsked, JoinAsked
from daprdockr.peer.channel import AT_FAULT, PeerChannel
from daprdockr.planning.etcd_membership import (
    MemberStep,
    RemoveMember,
    admission,
    admission_of_client,
    begins_with,
    voters_urls,
)
from daprdockr.runtime.pool import Run
from daprdockr.sealing.authority import signed, uses_of

BEGIN_WITHIN = 60.0
"""See Note [Announced, and never begun]."""

REMEMBERED = 100
"""Hosts whose places are remembered."""


@frozen
class HostAdmission:
    """
    Admits hosts; blocking.

    :ivar is_silent: whether a member does not answer, and the agent beside it does not report.
    :ivar reported: returns the addresses that the agent of a node reports; none if it does not report.
    :ivar now: returns the time, from which certificates are valid.
    """

    files: ClusterFiles
    cluster_key: Path
    changes: MemberChanges
    is_silent: Callable[[EtcdMember], bool]
    reported: Callable[[str], Collection[str]]
    now: Callable[[], datetime.datetime]
    _one_by_one: threading.Lock = field(factory=threading.Lock, init=False)
    _unbegun: dict[int, float] = field(factory=dict, init=False)
    """When members were first seen that have not begun, by number."""
    _places: dict[str, int] = field(factory=dict, init=False)
    """The member whose place each host takes, by the host's URL."""

    def admit(self, asked: JoinAsked) -> JoinAnswer:
        """:raises DaprdockrError: it does not join, and may try again."""
        with self._one_by_one:
            self._check_name(asked)
            return self._admit(asked)

    def _check_name(self, asked: JoinAsked) -> None:
        """:raises BadInput: another host has the name, and its agent would keep that of this one out."""
        taken = self.reported(asked.node)
        if taken and asked.address not in taken:
            raise BadInput(
                f"node {asked.node} is another host at {', '.join(taken)}: give this one another name (hostnamectl"
                " hostname NAME); or if it was this one, wait until its lease has ended. Then run the same again"
            )

    def _admit(self, asked: JoinAsked) -> JoinAnswer:
        authority, url = self.files.authority_pair(), member_url(asked.address)
        member, agent = (
            signed(authority, asked.request, use, self.now()) for use in uses_of(asked.node, asked.address)
        )
        key = self._cluster_key()
        steps = self._steps_of_client if isinstance(asked, ClientJoinAsked) else self._steps
        self.changes.carry_out(partial(steps, asked.node, url))
        found = self.changes.members.list()
        answer = JoinAnswer(authority.chain, agent, key, voters_urls(found))
        if isinstance(asked, ClientJoinAsked) or not any(url in one.peers for one in found):
            return answer
        return evolve(
            answer,
            member_certificate=member,
            initial=begins_with(found, asked.node, url),
            authority_key=authority.key,
        )

    def _steps(self, node: str, url: str) -> Sequence[MemberStep]:
        found = self.changes.members.list()
        self._note_unbegun(found)
        silent = [one for one in found if self._is_overdue(one) or self.is_silent(one)]
        if url in self._places:
            own = [one for one in silent if one.name == node or url in one.peers]
            silent = [one for one in silent if one in own or one.id == self._places[url]]
        steps = admission(found, node, url, [one.id for one in silent])
        for step in steps:
            if isinstance(step, RemoveMember):
                self._take_place(url, step.member.id)
        return steps

    def _steps_of_client(self, node: str, url: str) -> Sequence[MemberStep]:
        found = self.changes.members.list()
        return admission_of_client(found, node, url, [one.id for one in found if self.is_silent(one)])

    def _note_unbegun(self, found: Sequence[EtcdMember]) -> None:
        known = {one.id: self._unbegun.get(one.id, self.changes.clock()) for one in found if not one.name}
        self._unbegun.clear()
        self._unbegun.update(known)

    def _is_overdue(self, member: EtcdMember) -> bool:
        """See Note [Announced, and never begun]."""
        return self.changes.clock() - self._unbegun.get(member.id, self.changes.clock()) >= BEGIN_WITHIN

    def _take_place(self, url: str, member: int) -> None:
        """See Note [One place for one host]."""
        self._places[url] = member
        if len(self._places) > REMEMBERED:
            del self._places[next(iter(self._places))]

    def _cluster_key(self) -> str:
        try:
            return self.cluster_key.read_text("ascii")
        except (OSError, ValueError):
            raise BadInput(f"the cluster key {self.cluster_key} cannot be read on this node") from None


class JoinSession:
    """
    One host that joins.

    :param run: runs a blocking call in a thread.
    """

    log = Logger()

    def __init__(self, channel: PeerChannel, asked: JoinAsked, admission: HostAdmission, run: Run) -> None:
        self._channel = channel
        self._asked = asked
        self._admission = admission
        self._run = run

    def begin(self) -> None:
        """Say that it begins, and admit the host."""
        self._channel.send(FrameKind.ACCEPTED)
        Deferred.fromCoroutine(self._admit()).addErrback(self._failed)

    async def _admit(self) -> None:
        try:
            answer = await self._run(self._admission.admit, self._asked)
        except DaprdockrError as error:
            self._channel.refuse(str(error))
            return
        self.log.info("{node} joins, at {address}", node=self._asked.node, address=self._asked.address)
        self._channel.send(FrameKind.OUTPUT, answer.encode())
        self._channel.finish(FrameKind.STATUS, b"0")

    def _failed(self, failure: Failure) -> None:
        self.log.failure("a host could not join", failure)
        self._channel.refuse(AT_FAULT)

    def frame(self, kind: FrameKind, content: bytes) -> None:
        """:raises BadInput: a host that joins sends nothing more."""
        raise BadInput(f"a host that joins sends no frame of the kind {kind.name}")

    def pause(self) -> None:
        """Nothing is read that could be left for later."""

    def resume(self) -> None: ...

    def gone(self) -> None:
        """See Note [Joined again]."""
