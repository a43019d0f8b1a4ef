"""The maintenance of etcd as its messages have it, with channels in memory."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.address import Access, EtcdEndpoint
from daprdockr.etcd.maintenance import CORRUPT, NOSPACE, EtcdMaintenance
from daprdockr.etcd.member_figures import MemberFigures
from daprdockr.etcd.stubs import MemberListResponse, StatusResponse
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.etcd_look import EtcdLook, MemberStatus
from tests.fakes.failed_call import Code, FailedCall

PLACES = {"http://10.0.0.1:2379": 1, "http://10.0.0.2:2379": 2, "http://10.0.0.3:2379": 3}


USED = b"\x48\x07"
"""Field 9 of a status, 7."""


class MaintenanceTests(SynchronousTestCase):
    """Three members, of which the last one only copies; the first two are endpoints."""

    def setUp(self) -> None:
        self.sent: list[tuple[str, str, Any]] = []
        self.failing: dict[tuple[str, str], FailedCall] = {}
        self.alarms: list[SimpleNamespace] = []
        self.places = dict(PLACES)
        self.urls = list(PLACES)
        self.used = USED
        self.told = MemberFigures(100, 8)
        self.asked_for_figures: list[str] = []
        access = Access.parse("http://10.0.0.1,http://10.0.0.2")
        self.made = EtcdMaintenance(access, opening=self.open, figures=self.figures)

    def figures(self, access: Access, timeout: float) -> MemberFigures:
        self.asked_for_figures.append(str(access))
        return self.told

    def open(self, access: Access) -> Any:
        """The lanes to these endpoints."""
        return tuple(self.lane(f"http://{endpoint}") for endpoint in access.endpoints)

    def lane(self, url: str) -> Any:
        told: dict[str, Any] = {
            "Status": self.status(url),
            "MemberList": self.members(),
            "Alarm": SimpleNamespace(alarms=self.alarms),
        }

        def call(name: str) -> Callable[..., Any]:
            def send(request: Any, **options: Any) -> Any:
                self.sent.append((url, name, request))
                if (url, name) in self.failing:
                    raise self.failing[url, name]
                return told.get(name)

            return send

        stubs = {"maintenance": ("Status", "Alarm", "Defragment"), "cluster": ("MemberList",), "kv": ("Compact",)}
        made = {stub: SimpleNamespace(**{name: call(name) for name in names}) for stub, names in stubs.items()}
        return SimpleNamespace(channel=SimpleNamespace(close=lambda: None), **made)

    def members(self) -> Any:
        answer = MemberListResponse()
        for number in PLACES.values():
            answer.members.add(ID=number, clientURLs=self.urls[number - 1 : number])
        answer.members[2].MergeFromString(b"\x28\x01")
        return answer

    def status(self, url: str) -> Any:
        """The answer of a member whose database has 50 bytes, of which it uses 7."""
        told = StatusResponse(dbSize=50, leader=1)
        told.header.member_id, told.header.revision = self.places[url], 9
        told.MergeFromString(self.used)
        return told

    def asked(self, *names: str) -> list[tuple[str, str]]:
        return [(url, name) for url, name, _ in self.sent if name in names]

    def test_look(self) -> None:
        """Those that vote are asked, each for itself; alarms are known by kind."""
        self.alarms += [SimpleNamespace(memberID=2, alarm=NOSPACE)]
        found = self.made.look()
        statuses = MemberStatus(1, 1, 9, 50, 7), MemberStatus(2, 1, 9, 50, 7)
        self.assertEqual(found, EtcdLook(frozenset({1, 2}), statuses, frozenset({2}), quota=100, compacted=8))
        self.assertEqual(self.asked_for_figures, ["http://10.0.0.1:2379"])
        self.assertEqual(len(self.asked("Status")), 2)
        self.alarms.append(SimpleNamespace(memberID=1, alarm=CORRUPT))
        self.assertTrue(self.made.look().corrupt)

    def test_named(self) -> None:
        """A member that is no endpoint is asked where etcd says that it is; one that does not answer is left out."""
        self.made.move((EtcdEndpoint("10.0.0.1", 2379),))
        self.assertEqual(len(self.made.look().statuses), 2)
        self.failing["http://10.0.0.2:2379", "Status"] = FailedCall(Code.UNAVAILABLE, "Socket closed")
        found = self.made.look()
        self.assertEqual((found.voters, [one.member for one in found.statuses]), (frozenset({1, 2}), [1]))

    def test_first_is_frozen(self) -> None:
        """A lost host that answers nothing, not even that, is found missing by another one, asked first later."""
        first = "http://10.0.0.1:2379"
        for name in ("MemberList", "Alarm", "Status"):
            self.failing[first, name] = FailedCall(Code.DEADLINE_EXCEEDED, "Deadline Exceeded")
        found = self.made.look()
        self.assertEqual((found.voters, [one.member for one in found.statuses]), (frozenset({1, 2}), [2]))
        self.sent.clear()
        self.made.look()
        self.made.compact(7)
        self.assertEqual({url for url, _ in self.asked("MemberList", "Alarm", "Compact")}, {"http://10.0.0.2:2379"})

    def test_nobody(self) -> None:
        """While no member answers, none is asked for more."""
        for url in PLACES:
            self.failing[url, "Status"] = FailedCall(Code.UNAVAILABLE, "Socket closed")
        found = self.made.look()
        self.assertEqual((found.statuses, found.quota, self.asked_for_figures), ((), 0, []))

    def test_unusable_url(self) -> None:
        """A URL that cannot be used is left out, and so is a size in use that the member does not tell."""
        self.urls = ["unix://localhost:1"] * 3
        self.used = b""
        self.made.move((EtcdEndpoint("10.0.0.1", 2379),))
        self.assertEqual(self.made.look().statuses, (MemberStatus(1, 1, 9, 50, 50),))

    def test_compact(self) -> None:
        """Until it has been done; a revision that is gone already is no failure, and another error is raised."""
        self.made.compact(7)
        (sent,) = [request for _, name, request in self.sent if name == "Compact"]
        self.assertEqual((sent.revision, sent.physical), (7, True))
        for url in PLACES:
            self.failing[url, "Compact"] = FailedCall(Code.OUT_OF_RANGE, "mvcc: required revision has been compacted")
        self.made.compact(7)
        for url in PLACES:
            self.failing[url, "Compact"] = FailedCall(Code.UNAVAILABLE, "Socket closed")
        self.assertRaises(EtcdUnavailable, self.made.compact, 7)

    def test_defragment(self) -> None:
        """The member itself is asked."""
        self.made.look()
        self.made.defragment(2)
        self.assertEqual(self.asked("Defragment"), [("http://10.0.0.2:2379", "Defragment")])

    def test_slow_defragment(self) -> None:
        """A member that is not ready in time goes on with it, which is no failure; one that went away is one."""
        self.made.look()
        self.failing["http://10.0.0.2:2379", "Defragment"] = FailedCall(Code.DEADLINE_EXCEEDED, "Deadline Exceeded")
        self.made.defragment(2)
        self.failing["http://10.0.0.2:2379", "Defragment"] = FailedCall(Code.UNAVAILABLE, "Socket closed")
        self.assertRaises(EtcdUnavailable, self.made.defragment, 2)

    def test_defragment_behind_a_shared_address(self) -> None:
        """Where one address leads to several members, none is taken for another."""
        self.made.look()
        self.places["http://10.0.0.2:2379"] = 1
        error = self.assertRaises(EtcdUnavailable, self.made.defragment, 2)
        self.assertIn("another one answers at 10.0.0.2:2379", str(error))
        self.assertEqual(self.asked("Defragment"), [])

    def test_disarm(self) -> None:
        """Each alarm is ended by member and kind."""
        self.made.disarm([2])
        (sent,) = [request for _, name, request in self.sent if name == "Alarm"]
        self.assertEqual((sent.action, sent.memberID, sent.alarm), (2, 2, NOSPACE))

    def test_password(self) -> None:
        """Another password is used from the next call on."""
        made = EtcdMaintenance(evolve(Access.parse("http://10.0.0.1"), user="a", password="old"))
        made.use_password("new")
        self.assertEqual(made._access.password, "new")
