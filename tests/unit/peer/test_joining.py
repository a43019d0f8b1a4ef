"""Hosts that join: what etcd is asked for, what they receive, and what is refused."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput, EtcdRefused
from daprdockr.model.etcd_member import EtcdMember
from daprdockr.model.frames import FrameKind
from daprdockr.model.joining import JoinAnswer
from daprdockr.model.session import JoinAsked
from daprdockr.peer.channel import PeerChannel
from daprdockr.peer.joining import PATIENCE, HostAdmission, JoinSession
from daprdockr.sealing.authority import new_authority, new_key, request_of
from tests.fakes.etcd_members import MemoryMembers, member
from tests.fakes.peer_channel import SentFrames
from tests.fakes.run import run_at_once

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ASKED = JoinAsked("x", "10.0.0.9", request_of(new_key()))
URL = "https://10.0.0.9:2380"


class JoiningCase(SynchronousTestCase):
    """A host with a member admits ``x`` at 10.0.0.9."""

    def setUp(self) -> None:
        self.files = ClusterFiles(Path(self.mktemp()).absolute())
        authority = new_authority(NOW)
        self.files.write(self.files.authority, authority.chain.encode())
        self.files.write(self.files.authority_key, authority.key.encode())
        self.files.write(self.files.cluster_key, b"daprdockr-key:x\n")
        self.members = MemoryMembers([member(1, "a")])
        self.silent: set[int] = set()
        self.clock = Clock()
        self.admission = HostAdmission(
            files=self.files,
            cluster_key=self.files.cluster_key,
            members=self.members,
            is_silent=self.is_silent,
            now=lambda: NOW,
            clock=self.clock.seconds,
            pause=self.clock.advance,
        )

    def is_silent(self, member: EtcdMember) -> bool:
        return member.id in self.silent


class HostAdmissionTests(JoiningCase):
    def test_member(self) -> None:
        """A host that is to have a member receives all that its member and its agent need."""
        answer = self.admission.admit(ASKED)
        self.assertEqual(self.members.asked, [f"add {URL}"])
        self.assertEqual(answer.endpoints, ("https://10.0.0.1:2379",))
        self.assertEqual(answer.initial, ("a=https://10.0.0.1:2380", f"x={URL}"))
        self.assertEqual(answer.cluster_key, "daprdockr-key:x\n")
        self.assertEqual(answer.authority_key, self.files.authority_pair().key)
        self.assertIn("BEGIN CERTIFICATE", answer.member_certificate)

    def test_client(self) -> None:
        """A sixth host is a client, and receives no key of the authority."""
        self.members.members = [member(number, name) for number, name in enumerate("abcde", 1)]
        answer = self.admission.admit(ASKED)
        self.assertEqual((self.members.asked, answer.initial, answer.authority_key), ([], (), ""))
        self.assertEqual((answer.member_certificate, len(answer.endpoints)), ("", 5))

    def test_third(self) -> None:
        """Before the third member comes, the second one votes, as soon as it has caught up."""
        self.members.members.append(member(2, "b", learner=True))
        self.members.refusals = 3
        self.admission.admit(ASKED)
        self.assertEqual(self.members.asked, ["promote 2"] * 4 + [f"add {URL}"])

    def test_replaced(self) -> None:
        """A member that is gone makes room."""
        self.members.members += [member(2, "b"), member(3, "c")]
        self.silent.add(3)
        self.admission.admit(ASKED)
        self.assertEqual(self.members.asked, ["remove 3", f"add {URL}"])

    def test_again(self) -> None:
        """A host that asks again gets another answer, and no other member."""
        first, second = self.admission.admit(ASKED), self.admission.admit(ASKED)
        self.assertEqual((len(self.members.members), first.initial), (2, second.initial))

    def test_refused(self) -> None:
        """Etcd that refuses for long ends it with etcd's reason and what to do."""
        self.members.refusals = 1000
        error = self.assertRaises(EtcdRefused, self.admission.admit, ASKED)
        self.assertIn(f"add a member at {URL} (unhealthy cluster): try again", str(error))
        self.assertEqual(self.clock.seconds(), PATIENCE)

    def test_no_cluster_key(self) -> None:
        """A node without the cluster key admits nobody."""
        self.files.cluster_key.unlink()
        self.assertIn("cluster key", str(self.assertRaises(BadInput, self.admission.admit, ASKED)))
        self.assertEqual(self.members.asked, [])


class JoinSessionTests(JoiningCase):
    def begin(self, run: Any = run_at_once) -> tuple[SentFrames, JoinSession]:
        channel = SentFrames()
        session = JoinSession(cast(PeerChannel, channel), ASKED, self.admission, run)
        session.begin()
        return channel, session

    def test_admitted(self) -> None:
        """The answer comes in one frame, and the session is over."""
        channel, session = self.begin()
        (accepted, _), (kind, content) = channel.frames
        self.assertEqual((accepted, kind, channel.over), (FrameKind.ACCEPTED, FrameKind.OUTPUT, "STATUS 0"))
        self.assertEqual(JoinAnswer.decode(content).initial[-1], f"x={URL}")
        session.pause()
        session.resume()
        session.gone()

    def test_refused(self) -> None:
        """A refusal is the line that the person reads."""
        self.members.unavailable = True
        self.assertEqual(self.begin()[0].over, "etcd did not answer")

    def test_fault(self) -> None:
        """A fault of the agent is logged there."""
        channel, _ = self.begin(lambda call, *words: fail(RuntimeError("x")))
        self.assertIn("a fault of the agent", channel.over)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_more(self) -> None:
        """A host that joins has nothing more to say."""
        _, session = self.begin(lambda call, *words: Deferred())
        self.assertRaises(BadInput, session.frame, FrameKind.INPUT, b"x")
