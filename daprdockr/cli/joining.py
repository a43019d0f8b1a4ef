# -*- test-case-name: tests.unit.cli.test_joining -*-
"""
A host that joins a cluster: the key that it makes, what it asks for and what it writes, so that an interrupted ``join``
goes on. See Note [The last file counts] in ``daprdockr.etcd.cluster_files``, and ``docs/design/joining.rst``.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from daprdockr.cli.founding import InCluster, part_of, refuse_private_data, refuse_running, say_address
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import HostPart
from daprdockr.model.frames import FrameKind
from daprdockr.model.joining import JoinAnswer, JoinToken
from daprdockr.model.session import ClientJoinAsked, JoinAsked, SessionRequest
from daprdockr.model.stored.node import NodeRecord
from daprdockr.sealing.authority import new_key, request_of
from daprdockr.sessions.client import PeerSession, SessionFailed, open_session

JoinQuestion = Callable[[JoinToken, JoinAsked], JoinAnswer]

ANSWER_TIMEOUT = 120.0
"""Seconds in which the other host has etcd take a new member, which may wait for others."""


def ask_to_join(token: JoinToken, asked: JoinAsked) -> JoinAnswer:
    """:raises SessionFailed: the other host does not answer, is not the right one, or refuses."""
    record = NodeRecord(peer=token.peer, fingerprint=token.fingerprint)
    session = open_session(token.peer, record, lambda: SessionRequest(token.secret, asked))
    try:
        session.connection.settimeout(ANSWER_TIMEOUT)
        return answer_of(session)
    finally:
        session.close()


def answer_of(session: PeerSession) -> JoinAnswer:
    """:raises SessionFailed: the other host refuses, or is lost."""
    content = b"".join(content for kind, content in session.frames() if kind is FrameKind.OUTPUT)
    try:
        return JoinAnswer.decode(content)
    except BadInput:
        raise SessionFailed(f"{session.node} does not answer as an agent does: use the same version") from None


@frozen
class JoiningHost:
    """
    :ivar ask: asks the other host.
    :ivar say: prints a line.
    :ivar is_client: whether it is to have no member of etcd.
    """

    files: ClusterFiles
    node: str
    address: str
    ask: JoinQuestion
    say: Callable[[str], None]
    is_client: bool = False

    def join(self, token: JoinToken) -> HostPart:
        """
        Become a part of the cluster, unless an interrupted attempt did that; return the part.

        :raises InCluster: this host is the first of a cluster.
        :raises DaprdockrError: it is not done, and can be run again.
        """
        part = part_of(self.files)
        if part is not None:
            if part.cluster:
                raise InCluster(f"this host is {part.node} of a cluster already: daprdockrcmd nodes shows it")
            say_address(part, self.address, self.say)
            if self.is_client and part.is_member:
                self.say("this host goes on with its member of etcd, as it began: leave, and join again with -client")
            return part
        refuse_running(self.files)
        refuse_private_data(self.files)
        with self.files.alone(self.say):
            return self.files.part() or self._admitted(token)  # another attempt may have ended meanwhile

    def _admitted(self, token: JoinToken) -> HostPart:
        kind = ClientJoinAsked if self.is_client else JoinAsked
        asked = kind(self.node, self.address, request_of(self._own_key()))
        self.say(f"asking {token.peer} to admit {self.node} at {self.address}")
        answer = self.ask(token, asked)
        part = HostPart(self.node, self.address, answer.initial)
        self._write(answer, part)
        return part

    def _own_key(self) -> str:
        files = self.files
        found = files.read(files.host_key)
        if found is not None:
            return found.decode("ascii", "replace")
        key = new_key()
        files.write(files.host_key, key.encode())
        self.say(f"made the private key of this host: {files.host_key}")
        return key

    def _write(self, answer: JoinAnswer, part: HostPart) -> None:
        files = self.files
        found = files.read(files.cluster_key)
        if found is not None and found.decode("ascii", "replace") != answer.cluster_key:
            raise BadInput(f"{files.cluster_key} is the key of another cluster: move it away, and run the same again")
        given = {files.authority: answer.authority, files.agent_certificate: answer.agent_certificate}
        if part.is_member:
            given |= {files.member_certificate: answer.member_certificate, files.authority_key: answer.authority_key}
        for path, text in {**given, files.cluster_key: answer.cluster_key}.items():
            files.write(path, text.encode())
        files.write_endpoints(answer.endpoints)
        files.become(part)
        self.say(f"received the certificates of this host and the cluster key: {files.directory}")
