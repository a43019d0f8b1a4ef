"""The node's record: under which lease it stands, when it says that the node is ready, and when it is written again."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.membership.registration import GOOD_BEATS, Registration
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.node import NodeRecord
from tests.fakes.run import run_at_once
from tests.fakes.store import MemoryStore

KEY = "/p/nodes/a"


class RegistrationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = MemoryStore()
        self.lease = self.store.grant(60).id
        self.record = NodeRecord(("10.0.0.1",), {"zone": "a"}, "1")
        self.listed = True
        self.registration = self.make()

    def make(self) -> Registration:
        return Registration(
            run=run_at_once,
            store=self.store,
            key=KEY,
            record=lambda steady: evolve(self.record, ready=steady),
            is_listed=lambda lease: self.listed,
        )

    def keep(self, beats: int, lease: int = 0, registration: Registration | None = None) -> None:
        self.successResultOf(
            Deferred.fromCoroutine((registration or self.registration).keep(lease or self.lease, beats))
        )

    @property
    def entry(self) -> Entry:
        found = self.store.get(KEY)
        assert found is not None
        return found

    @property
    def ready(self) -> bool:
        return NodeRecord.decode(self.entry.value).ready

    def test_ready(self) -> None:
        """The record stands with the first beat, and says that the node is ready from the third on."""
        told = []
        for beat in range(1, GOOD_BEATS + 2):
            self.keep(beat)
            told.append((self.ready, self.entry.lease))
        self.assertEqual(told, [(False, self.lease), (False, self.lease), (True, self.lease), (True, self.lease)])
        self.assertTrue(self.registration.stands_under(self.lease))

    def test_idle(self) -> None:
        """A beat after which nothing is new writes nothing."""
        self.keep(GOOD_BEATS)
        self.store.calls.clear()
        for beat in range(GOOD_BEATS + 1, 50):
            self.keep(beat)
        self.assertEqual(self.store.calls, [])

    def test_changed(self) -> None:
        """A record that has changed since is written with the next beat, over the same key."""
        self.keep(GOOD_BEATS)
        before = self.entry
        self.record = evolve(self.record, images=("12345678",))
        self.keep(GOOD_BEATS + 1)
        after = self.entry
        self.assertEqual(NodeRecord.decode(after.value).images, ("12345678",))
        self.assertEqual((after.create_revision, after.lease), (before.create_revision, before.lease))

    def test_another_lease(self) -> None:
        """Under a new lease a node is not ready at once, however many beats there were under the old one."""
        self.keep(GOOD_BEATS)
        self.store.revoke(self.lease)
        new = self.store.grant(60).id
        self.keep(1, new)
        self.assertEqual((self.ready, self.entry.lease), (False, new))
        self.assertEqual([self.registration.stands_under(lease) for lease in (self.lease, new)], [False, True])

    def test_resumed(self) -> None:
        """An agent that goes on under the lease of its predecessor is ready if that one was, and writes nothing."""
        self.keep(GOOD_BEATS)
        before = self.entry
        self.keep(1, registration=self.make())
        self.assertEqual(self.entry, before)

    def test_resumed_too_early(self) -> None:
        """If it was not, the beats are counted anew."""
        self.keep(1)
        successor = self.make()
        self.keep(1, registration=successor)
        self.assertFalse(self.ready)
        self.keep(GOOD_BEATS, registration=successor)
        self.assertTrue(self.ready)

    def test_resumed_from_what_is_no_record(self) -> None:
        """A record under the own lease that cannot be read is written over."""
        self.store.put(KEY, b"[]", self.lease)
        self.keep(1)
        self.assertFalse(self.ready)

    def test_moved(self) -> None:
        """
        Other addresses are written together with the revision at which they came, by this agent and its successor; the
        same ones keep it.
        """
        self.keep(GOOD_BEATS)
        since = []
        for address in ("10.0.0.2", "10.0.0.2", "10.0.0.3"):
            self.store.put("/elsewhere", b"")
            now = self.store.revision
            self.record = evolve(self.record, addresses=(address,))
            self.keep(GOOD_BEATS + 1)
            self.keep(1, registration=self.make())
            since.append(NodeRecord.decode(self.entry.value).since - now)
        self.assertEqual((since[0], since[1] < 0, since[2]), (0, True, 0))
        self.record = evolve(self.record, addresses=("10.0.0.4",))
        now = self.store.revision
        self.keep(1, registration=self.make())
        self.assertEqual(NodeRecord.decode(self.entry.value).since, now)
        self.assertTrue(self.ready)

    def test_taken(self) -> None:
        """A record under another lease is left alone, and said to be in the way; when it is gone ours stands."""
        other = self.store.grant(60).id
        self.keep(1, other, self.make())
        self.keep(1)
        self.assertFalse(self.registration.stands_under(self.lease))
        self.assertIn("another agent of this name", self.registration.trouble)
        self.store.revoke(other)
        self.keep(2)
        self.assertTrue(self.registration.stands_under(self.lease))
        self.assertEqual((self.registration.trouble, self.entry.lease), ("", self.lease))

    def elsewhere(self) -> Registration:
        """The same node on another machine, or after a boot, which has begun under the same lease."""
        self.record = evolve(self.record, machine="m1")
        self.keep(GOOD_BEATS)
        other = evolve(self.record, machine="m2")
        registration = Registration(
            run=run_at_once,
            store=self.store,
            key=KEY,
            record=lambda steady: evolve(other, ready=steady),
            is_listed=lambda lease: False,
        )
        self.keep(1, registration=registration)
        self.assertFalse(registration.stands_under(self.lease))
        return registration

    def test_booted_anew(self) -> None:
        """After a boot the record stands when it is found as it was written."""
        later = self.elsewhere()
        self.keep(2, registration=later)
        self.assertEqual((later.stands_under(self.lease), later.yields, later.trouble), (True, 0, ""))
        self.assertTrue(self.ready)

    def test_two_machines(self) -> None:
        """Of two machines that go on under one lease the first has its record again, and the second yields."""
        later = self.elsewhere()
        self.listed = False
        for beat in range(2, 6):
            self.keep(beat)
            self.keep(beat, registration=later)
        self.assertEqual((self.registration.yields, later.yields), (0, self.lease))
        self.assertEqual([r.stands_under(self.lease) for r in (self.registration, later)], [True, False])
        self.assertEqual(NodeRecord.decode(self.entry.value).machine, "m1")

    def test_first_of_all(self) -> None:
        """A node that has created its record was there first, whatever stands in the place of that."""
        self.record = evolve(self.record, machine="m1")
        self.keep(1)
        self.listed = False
        for machine in ("-1", "m2"):
            self.store.put(KEY, evolve(self.record, machine=machine).encode(), self.lease)
            self.keep(2)
            self.assertEqual(self.registration.yields, 0)
            self.assertTrue(self.registration.stands_under(self.lease))
            self.assertEqual(NodeRecord.decode(self.entry.value).machine, "m1")

    def test_written_by_hand(self) -> None:
        """A machine that is in its turn yields only to a record that comes again, and does nothing meanwhile."""
        later = self.elsewhere()
        self.keep(2, registration=later)
        former = evolve(self.record, machine="m1").encode()
        stands = []
        for written in (True, False, True, True):
            if written:
                self.store.put(KEY, former, self.lease)
            self.keep(GOOD_BEATS, registration=later)
            stands.append((later.stands_under(self.lease), later.yields))
        self.assertEqual(stands, [(False, 0), (True, 0), (False, 0), (False, self.lease)])

    def test_not_taught(self) -> None:
        """A record that stands is written again as it was, whatever somebody wrote over it."""
        self.keep(GOOD_BEATS)
        before = self.entry.value
        self.listed = False
        for changed in (evolve(self.record, since=5), evolve(self.record, addresses=("10.0.0.9",), since=5)):
            self.store.put(KEY, changed.encode(), self.lease)
            self.keep(GOOD_BEATS + 1)
            self.assertEqual(self.entry.value, before)

    def test_no_readiness(self) -> None:
        """A node is not ready before its time, whatever somebody wrote over its record."""
        self.keep(1)
        self.listed = False
        self.store.put(KEY, evolve(self.record, ready=True).encode(), self.lease)
        self.keep(2)
        self.assertFalse(self.ready)

    def test_both_begin(self) -> None:
        """If the first is started again meanwhile, still one of the two goes on, and one yields."""
        later = self.elsewhere()
        first = self.make()
        self.listed = False
        for beat in range(2, 6):
            for registration in (first, later):
                if not registration.yields:
                    self.keep(beat, registration=registration)
        self.assertEqual(sorted(r.yields for r in (first, later)), [0, self.lease])
        self.assertEqual(sorted(r.stands_under(self.lease) for r in (first, later)), [False, True])

    def test_etcd_away(self) -> None:
        """That etcd did not answer is for who beats; what was not written is written with the next beat."""
        self.store.unavailable = True
        self.failureResultOf(Deferred.fromCoroutine(self.registration.keep(self.lease, 1)), EtcdUnavailable)
        self.store.unavailable = False
        self.keep(2)
        self.assertTrue(self.registration.stands_under(self.lease))
