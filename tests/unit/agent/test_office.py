"""An office of the cluster, the renewer's: one node has it at a time."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.office import Office, Term
from daprdockr.model.stored.entries import Delete, Put
from tests.build.values import KEYS
from tests.fakes.run import run_at_once
from tests.fakes.store import MemoryStore


class OfficeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = MemoryStore()
        self.lease = self.store.grant(6).id

    def office(self, node: str, lease: int) -> Office:
        return Office(self.store, run_at_once, key=KEYS.renewer, node=node, lease=lambda: lease)

    def hold(self, office: Office) -> Term | None:
        term: Term | None = self.successResultOf(office.hold())
        return term

    def is_writable(self, term: Term | None) -> bool:
        assert term is not None
        return self.store.commit([term.fence], [Put("/x", b"")]).succeeded

    def test_one(self) -> None:
        """The first node that asks is the renewer, for as long as its lease lasts; then another one is."""
        other = self.store.grant(60).id
        first, second = self.office("a", self.lease), self.office("b", other)
        term = self.hold(first)
        self.assertTrue(self.is_writable(term))
        self.assertIs(self.hold(first), term)
        self.assertIsNone(self.hold(second))
        self.store.revoke(self.lease)
        self.assertTrue(self.is_writable(self.hold(second)))
        self.assertFalse(self.is_writable(term))

    def test_no_lease(self) -> None:
        """A node without a certain lease does not ask for the office, and has lost it when its lease is another one."""
        self.assertIsNone(self.hold(self.office("a", 0)))
        leases = [self.lease, 0]
        office = Office(self.store, run_at_once, key=KEYS.renewer, node="a", lease=lambda: leases[0])
        self.assertIsNotNone(self.hold(office))
        leases.pop(0)
        self.assertIsNone(self.hold(office))

    def test_restarted(self) -> None:
        """An agent that is started again under the same lease goes on with the term."""
        term = self.hold(self.office("a", self.lease))
        self.assertEqual(self.hold(self.office("a", self.lease)), term)
        self.assertIsNone(self.hold(self.office("b", self.lease)))

    def test_resigned(self) -> None:
        """A renewer that resigns leaves the office to the first node that asks; any other takes it from nobody."""
        first, second = self.office("a", self.lease), self.office("b", self.store.grant(60).id)
        term = self.hold(first)
        self.successResultOf(Deferred.fromCoroutine(second.resign()))
        self.assertTrue(self.is_writable(term))
        self.successResultOf(Deferred.fromCoroutine(first.resign()))
        self.assertFalse(self.is_writable(term))
        self.assertTrue(self.is_writable(self.hold(second)))
        self.assertIsNone(self.hold(first))

    def test_confirmed(self) -> None:
        """A holder learns from etcd that its term is over, and a node without a term is no holder."""
        office = self.office("a", self.lease)
        confirm = lambda: self.successResultOf(Deferred.fromCoroutine(office.confirm()))  # noqa: E731
        self.assertFalse(confirm())
        self.hold(office)
        self.assertTrue(confirm())
        self.store.commit([], [Delete(KEYS.renewer)])
        self.assertEqual((confirm(), confirm()), (False, False))
        self.hold(office)
        self.store.commit([], [Delete(KEYS.renewer)])
        self.store.commit([], [Put(KEYS.renewer, b"b")])
        self.assertFalse(confirm())

    def test_lost(self) -> None:
        """A renewer whose write was refused asks again whether it is one."""
        office = self.office("a", self.lease)
        term = self.hold(office)
        self.store.commit([], [Put(KEYS.renewer, b"b", self.lease)])
        self.assertIs(self.hold(office), term)
        office.lose()
        self.assertIsNone(self.hold(office))
