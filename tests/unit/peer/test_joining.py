"""Hosts that join: what etcd is asked for, what they receive, and what is refused."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, cast

from attrs import evolve
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.etcd.member_change import PATIENCE, MemberChanges
from daprdockr.model.errors import BadInput, EtcdRefused
from daprdockr.model.etcd_member import EtcdMember
from daprdockr.model.frames import FrameKind
from daprdockr.model.joining import JoinAnswer
from daprdockr.model.session import ClientJoinAsked, JoinAsked
from daprdockr.peer.channel import PeerChannel
from daprdockr.peer.joining import BEGIN_WITHIN, REMEMBERED, HostAdmission, JoinSession
from daprdockr.sealing.authority import new_authority, new_key, request_of
from tests.fakes.etcd_members import MemoryMembers, member
from tests.fakes.peer_channel import SentFrames
from tests.fakes.run import run_at_once

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ASKED = JoinAsked("x", "10.0.0.9", request_of(new_key()))
AS_CLIENT = ClientJoinAsked(ASKED.node, ASKED.address, ASKED.request)
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
        self.down: set[int] = set()
        self.reported: dict[str, tuple[str, ...]] = {}
        self.clock = Clock()
        self.admission = HostAdmission(
            files=self.files,
            cluster_key=self.files.cluster_key,
            changes=MemberChanges(self.members, self.is_up, self.clock.seconds, self.clock.advance),
            is_silent=self.is_silent,
            reported=lambda node: self.reported.get(node, ()),
            now=lambda: NOW,
        )

    def is_up(self, member: EtcdMember) -> bool:
        return member.id not in self.down

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

    def test_asks_to_be_client(self) -> None:
        """
        A host that asks for it is a client of fewer members too, though one is lost and another has no vote yet. The
        member that an attempt without the wish announced is taken out.
        """
        self.members.members += [member(2, "b"), member(3, "c"), member(4, "d", learner=True)]
        self.silent.add(3)
        answer = self.admission.admit(AS_CLIENT)
        self.assertEqual((self.members.asked, answer.initial, answer.authority_key), ([], (), ""))
        self.assertEqual((answer.member_certificate, len(answer.endpoints)), ("", 3))
        self.members.members[2:] = []
        self.admission.admit(ASKED)
        self.assertEqual(self.admission.admit(AS_CLIENT).initial, ())
        self.assertEqual(self.members.asked, [f"add {URL}", "remove 102"])
        self.reported["x"] = ("10.0.0.8",)
        self.assertIn("is another host", str(self.assertRaises(BadInput, self.admission.admit, AS_CLIENT)))

    def test_name_is_taken(self) -> None:
        """A host with the name of another one is refused, a client too; one whose own record is still there is not."""
        self.members.members = [member(number, name) for number, name in enumerate("abcde", 1)]
        self.reported["x"] = ("10.0.0.8", "fd00::8")
        refused = str(self.assertRaises(BadInput, self.admission.admit, ASKED))
        self.assertIn("node x is another host at 10.0.0.8, fd00::8: give this one another name", refused)
        self.assertIn("or if it was this one, wait until its lease has ended", refused)
        self.reported["x"] = ("fd00::9", "10.0.0.9")
        self.admission.admit(ASKED)
        self.reported.clear()  # its lease has ended: it was installed anew, with any address
        self.admission.admit(evolve(ASKED, address="10.0.0.7"))

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

    def test_one_place(self) -> None:
        """A host takes one silent member's place, however often it asks; one that is installed anew its own."""
        self.members.members = [member(number, name) for number, name in enumerate("abcd", 1)]
        self.members.members.append(member(5, "e", learner=True))
        self.silent.update({2, 3})
        self.members.behind.add(5)
        for _ in range(2):
            self.assertRaises(EtcdRefused, self.admission.admit, ASKED)
        self.assertEqual([line for line in self.members.asked if "remove" in line], ["remove 2"])
        self.members.behind.clear()
        self.admission.admit(ASKED)
        self.assertEqual([one.id for one in self.members.members][:3], [1, 3, 4])
        self.members.members[-1] = evolve(self.members.members[-1], name="x")
        self.silent.add(self.members.members[-1].id)
        self.admission.admit(ASKED)
        self.assertIn(3, [one.id for one in self.members.members])

    def test_remembered(self) -> None:
        """The places of so many hosts are remembered."""
        for number in range(REMEMBERED + 5):
            self.members.members = [member(1, "a"), member(2, "b"), member(3, "c")]
            self.silent.add(2)
            self.admission.admit(evolve(ASKED, address=f"10.1.0.{number}"))
        self.assertEqual(len(self.admission._places), REMEMBERED)

    def test_down(self) -> None:
        """A learner that had caught up and does not answer gets no vote, with which there might be no quorum."""
        self.members.members.append(member(2, "b", learner=True))
        self.down.add(2)
        error = self.assertRaises(EtcdRefused, self.admission.admit, ASKED)
        self.assertIn("b its vote (it does not answer)", str(error))
        self.assertEqual(self.members.asked, [])

    def test_never_begun(self) -> None:
        """A host that was announced and does not begin within a minute gives way to the next."""
        self.members.members.append(member(8, learner=True))
        self.down.add(8)
        self.assertRaises(EtcdRefused, self.admission.admit, ASKED)
        self.clock.advance(BEGIN_WITHIN - self.clock.seconds() - 1)
        self.admission.admit(ASKED)
        self.assertEqual(self.members.asked, ["remove 8", f"add {URL}"])

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
