"""An agent follows the members of etcd, and has the one beside it vote when it is its turn."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.membership.own_member import ABSENT, COPIES, INTERVAL, VOTES, OwnMember
from daprdockr.etcd.address import EtcdEndpoint
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.etcd_member import HostPart
from tests.fakes.etcd_members import MemoryMembers, member
from tests.fakes.log_lines import LogLines
from tests.fakes.run import LoopClock, run_at_once

A, B, C = (member(number, name) for number, name in enumerate("abc", 1))
LEARNER = evolve(C, learner=True)


class OwnMemberTests(SynchronousTestCase):
    """The agent of ``c``, at 10.0.0.3."""

    def setUp(self) -> None:
        self.lines = LogLines(self)
        self.clock = LoopClock()
        self.files = ClusterFiles(Path(self.mktemp()).absolute())
        for path in (self.files.authority, self.files.agent_certificate, self.files.host_key):
            self.files.write(path, b"pem")
        self.write(HostPart("c", "10.0.0.3", ("a=x", "c=y")))
        self.members = MemoryMembers([A, B, LEARNER])
        self.moves: list[tuple[EtcdEndpoint, ...]] = []
        self.retired: list[bool] = []
        self.is_down = False
        self.own = OwnMember(
            reactor=self.clock,
            run=run_at_once,
            members=self.members,
            files=self.files,
            move=self.moves.append,
            is_up=lambda member: not self.is_down,
            retire=lambda: self.retired.append(True),
        )
        self.own.startService()
        self.addCleanup(self.own.stopService)

    def write(self, part: HostPart) -> None:
        self.files.write(self.files.host, part.encode())

    def turn(self) -> None:
        self.clock.advance(INTERVAL)

    def test_votes(self) -> None:
        """The third member asks for its vote until it has caught up."""
        self.members.behind.add(3)
        self.turn()
        self.assertEqual((self.own.role, self.own.members), (COPIES, tuple(self.members.members)))
        self.members.behind.clear()
        self.turn()
        self.assertEqual((self.own.role, self.members.asked), (VOTES, ["promote 3", "promote 3"]))
        self.turn()
        self.assertEqual((self.own.role, len(self.members.asked)), (VOTES, 2))
        self.assertTrue(self.files.began.exists())

    def test_awaited(self) -> None:
        """A member that etcd awaits has no data yet, so that none are missed when it begins."""
        self.members.members = [A, evolve(LEARNER, name="", clients=())]
        self.turn()
        self.assertEqual((self.own.role, self.files.began.exists()), ("", False))
        self.members.members = [A, LEARNER]
        self.turn()
        self.assertTrue(self.files.began.exists())

    def test_begins_late(self) -> None:
        """A member that is awaited begins with the members that there are by then; one that has begun goes on."""
        self.members.members = [B, evolve(LEARNER, name="", clients=())]
        draft = self.files.host.with_name(f"{self.files.host.name}.new")
        draft.mkdir()  # as on a full disk
        self.turn()
        draft.rmdir()
        self.turn()
        part = HostPart("c", "10.0.0.3", ("b=https://10.0.0.2:2380", "c=https://10.0.0.3:2380"))
        self.assertEqual(self.files.part(), part)
        self.members.members = [A, B, LEARNER]
        self.turn()
        self.assertEqual(self.files.part(), part)

    def test_down(self) -> None:
        """A member that does not answer gets no vote until it does."""
        self.is_down = True
        self.turn()
        self.assertEqual((self.own.role, self.members.asked), (COPIES, []))
        self.is_down = False
        self.turn()
        self.assertEqual(self.own.role, VOTES)

    def test_waits(self) -> None:
        """The second member copies until a third one comes."""
        self.members.members = [A, LEARNER]
        self.turn()
        self.assertEqual((self.own.role, self.members.asked), (COPIES, []))

    def test_endpoints(self) -> None:
        """The connections move to the members that vote, once, and the next agent knows them too."""
        self.turn()
        self.turn()
        self.assertEqual(self.moves[0], (EtcdEndpoint("10.0.0.1", 2379), EtcdEndpoint("10.0.0.2", 2379)))
        self.assertEqual(len(self.moves), 2)  # the second time with its own
        access = self.files.access()
        assert access is not None
        self.assertEqual(access.endpoints, self.moves[-1])

    def test_unwritable(self) -> None:
        """Endpoints that cannot be noted are said, and tried again."""
        self.files.endpoints.mkdir()
        self.turn()
        self.assertEqual((self.moves, len(self.lines("were not noted"))), ([], 1))
        self.files.endpoints.rmdir()
        self.turn()
        self.assertEqual(len(self.moves), 1)

    def test_no_answer(self) -> None:
        """Nothing is concluded while etcd does not answer."""
        self.members.unavailable = True
        for _ in range(2 * ABSENT):
            self.turn()
        self.assertEqual((self.moves, self.retired, self.own.role), ([], [], ""))

    def test_client(self) -> None:
        """A client has no member, and follows the others."""
        self.write(HostPart("c", "10.0.0.3"))
        self.turn()
        self.assertEqual((self.own.role, self.members.asked, len(self.moves)), ("", [], 1))

    def test_taken_out(self) -> None:
        """A member that is in no list any more runs no more, and its host goes on as a client."""
        self.members.members = [A, B]
        for _ in range(ABSENT - 1):
            self.turn()
        self.assertEqual(self.retired, [])
        self.turn()
        part = self.files.part()
        assert part is not None
        self.assertEqual((self.retired, part.is_member, self.own.role), ([True], False, ""))
        self.assertEqual(len(self.lines("was taken out")), 1)

    def test_taken_out_on_a_full_disk(self) -> None:
        """That it is taken out is tried again while it cannot be written, and said once."""
        self.members.members = [A, B]
        draft = self.files.host.with_name(f"{self.files.host.name}.new")
        draft.mkdir()
        for _ in range(ABSENT + 2):
            self.turn()
        self.assertEqual((self.retired, len(self.lines("cannot be noted"))), ([], 1))
        draft.rmdir()
        self.turn()
        self.assertEqual((self.retired, len(self.lines("the host goes on as a client"))), ([True], 1))

    def test_old_list(self) -> None:
        """A member that is absent from an old list alone stays."""
        for _ in range(3):
            self.members.members = [A, B]
            for _ in range(ABSENT - 1):
                self.turn()
            self.members.members = [A, B, C]
            self.turn()
        self.assertEqual((self.retired, self.own.role), ([], VOTES))
