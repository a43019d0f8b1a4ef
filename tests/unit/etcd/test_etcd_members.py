"""The members of etcd as its messages have them, with a channel in memory."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.address import Access, EtcdEndpoint
from daprdockr.etcd.etcd_members import EtcdMembers
from daprdockr.etcd.stubs import MemberListResponse, is_learner, promotion
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.etcd_member import EtcdMember

LEARNER = b"\x28\x01"
"""Field 5 of a member, true."""


def listed() -> Any:
    answer = MemberListResponse()
    answer.members.add(ID=7, name="b", peerURLs=["https://10.0.0.2:2380"], clientURLs=["https://10.0.0.2:2379"])
    answer.members[0].MergeFromString(LEARNER)
    answer.members.add(ID=3, name="a", peerURLs=["https://10.0.0.1:2380"])
    return answer


class EtcdMembersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.opened: list[Access] = []
        self.members = EtcdMembers(Access.parse("https://10.0.0.1"), opening=self.open)

    def open(self, access: Access) -> Any:
        self.opened.append(access)
        names = ("MemberAdd", "MemberRemove", "MemberList")
        cluster = SimpleNamespace(**{name: self.call(name) for name in names})
        channel = SimpleNamespace(close=lambda: None)
        kv = SimpleNamespace(Range=self.call("Range"))
        auth = SimpleNamespace(Authenticate=self.sign_in)
        promote = self.call("MemberPromote")
        return (SimpleNamespace(cluster=cluster, kv=kv, promote=promote, auth=auth, channel=channel),)

    def sign_in(self, request: Any, **options: Any) -> Any:
        self.sent.append(("Authenticate", request))
        return SimpleNamespace(token="token")

    def call(self, name: str) -> Callable[..., Any]:
        def send(request: Any, **options: Any) -> Any:
            self.sent.append((name, request))
            return listed()

        return send

    def test_list(self) -> None:
        """Members come by their numbers, and those that only copy are known."""
        a, b = self.members.list()
        self.assertEqual(a, EtcdMember(3, "a", ("https://10.0.0.1:2380",)))
        self.assertEqual((b.id, b.learner), (7, True))

    def test_changes(self) -> None:
        """A new member is announced as a learner; others are named by number."""
        self.members.add_learner("https://10.0.0.3:2380")
        self.members.promote(7)
        self.members.remove(3)
        (add, first), (promote, second), (remove, third) = self.sent
        self.assertEqual((add, promote, remove), ("MemberAdd", "MemberPromote", "MemberRemove"))
        self.assertTrue(first.SerializeToString().endswith(b"\x10\x01"))
        self.assertEqual((second.ID, third.ID), (7, 3))

    def test_revision(self) -> None:
        """The revision is asked of one member, which asks no other."""
        self.assertEqual(self.members.revision(), 0)
        self.assertTrue(self.sent[0][1].serializable)

    def test_reopen(self) -> None:
        """New certificates are read for the next call, by a connection that is made anew."""
        self.members.list()
        self.members.list()
        self.assertEqual(len(self.opened), 1)
        self.members.reopen()
        self.members.list()
        self.assertEqual(len(self.opened), 2)

    def test_use_password(self) -> None:
        """The next sign-in uses another password."""
        access = evolve(Access.parse("https://10.0.0.1"), user="agent", password="former")
        members = EtcdMembers(access, opening=self.open)
        members.use_password("present")
        members.list()
        self.assertEqual([(name, request.password) for name, request in self.sent[:1]], [("Authenticate", "present")])

    def test_move(self) -> None:
        """Other endpoints are used from the next call on; after the end there is none."""
        self.members.list()
        self.members.move((EtcdEndpoint("10.0.0.2", 2379),))
        self.members.list()
        self.assertEqual([str(access) for access in self.opened], ["https://10.0.0.1:2379", "https://10.0.0.2:2379"])
        self.members.move((EtcdEndpoint("10.0.0.2", 2379),))
        self.members.list()
        self.assertEqual(len(self.opened), 2)
        self.members.close()
        self.assertRaises(EtcdUnavailable, self.members.list)

    def test_learner(self) -> None:
        """A member without the field votes."""
        self.assertEqual([is_learner(one) for one in listed().members], [True, False])

    def test_promotion(self) -> None:
        """The call has the name that etcd gives it."""
        made: list[str] = []
        promotion(SimpleNamespace(unary_unary=lambda name, **how: made.append(name)))
        self.assertEqual(made, ["/etcdserverpb.Cluster/MemberPromote"])
