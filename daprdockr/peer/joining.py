"""
A host joins the cluster: its member of etcd is announced, and it receives certificates and the cluster key.
``docs/design/joining.rst`` has the way.

Note [Joined again]
    Nothing here has to be undone when the connection is lost. A member that was announced, and never began, is found
    by its address when the same host asks again; the certificates are signed anew.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput, DaprdockrError, EtcdError, EtcdRefused
from daprdockr.model.etcd_member import EtcdMember, member_url
from daprdockr.model.frames import FrameKind
from daprdockr.model.joining import JoinAnswer
from daprdockr.model.seams import MemberList
from daprdockr.model.session import JoinAsked
from daprdockr.peer.channel import PeerChannel
from daprdockr.planning.etcd_membership import (
    AddLearner,
    MemberStep,
    PromoteMember,
    RemoveMember,
    admission,
    begins_with,
    voters_urls,
)
from daprdockr.runtime.pool import Run
from daprdockr.sealing.authority import signed, uses_of

PATIENCE = 30.0
"""Seconds in which etcd may refuse a step that it takes a little later: a member has just come, or catches up."""

PAUSE = 1.0


@frozen
class HostAdmission:
    """
    Admits hosts; blocking.

    :ivar is_silent: whether a member does not answer, and the agent beside it does not report.
    :ivar now: returns the time, from which certificates are valid.
    :ivar clock: monotonic seconds, and ``pause`` blocks for so many.
    """

    files: ClusterFiles
    cluster_key: Path
    members: MemberList
    is_silent: Callable[[EtcdMember], bool]
    now: Callable[[], datetime.datetime]
    clock: Callable[[], float]
    pause: Callable[[float], None]
    _one_by_one: threading.Lock = field(factory=threading.Lock, init=False)

    def admit(self, asked: JoinAsked) -> JoinAnswer:
        """:raises DaprdockrError: it does not join, and may try again."""
        with self._one_by_one:
            return self._admit(asked)

    def _admit(self, asked: JoinAsked) -> JoinAnswer:
        authority, url = self.files.authority_pair(), member_url(asked.address)
        member, agent = (
            signed(authority, asked.request, use, self.now()) for use in uses_of(asked.node, asked.address)
        )
        key = self._cluster_key()
        self._change_members(asked.node, url)
        found = self.members.list()
        answer = JoinAnswer(authority.chain, agent, key, voters_urls(found))
        if not any(url in one.peers for one in found):
            return answer  # a client
        return evolve(
            answer,
            member_certificate=member,
            initial=begins_with(found, asked.node, url),
            authority_key=authority.key,
        )

    def _steps(self, node: str, url: str) -> Sequence[MemberStep]:
        found = self.members.list()
        return admission(found, node, url, [one.id for one in found if self.is_silent(one)])

    def _cluster_key(self) -> str:
        try:
            return self.cluster_key.read_text("ascii")
        except (OSError, ValueError):
            raise BadInput(f"the cluster key {self.cluster_key} cannot be read on this node") from None

    def _change_members(self, node: str, url: str) -> None:
        """Take the steps; after a failure those that are left, because one that failed may have happened."""
        end = self.clock() + PATIENCE
        while True:
            steps = self._steps(node, url)
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
                self.members.promote(member.id)
            case AddLearner(url):
                self.members.add_learner(url)


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
        self._channel.refuse("this is a fault of the agent, its log has more")

    def frame(self, kind: FrameKind, content: bytes) -> None:
        """:raises BadInput: a host that joins sends nothing more."""
        raise BadInput(f"a host that joins sends no frame of the kind {kind.name}")

    def pause(self) -> None:
        """Nothing is read that could be left for later."""

    def resume(self) -> None: ...

    def gone(self) -> None:
        """See Note [Joined again]."""
