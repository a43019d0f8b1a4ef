"""Claims are taken, written, released and handed over, each by one transaction."""

from __future__ import annotations

from attrs import evolve

from daprdockr.agent.reconcile.transactions import ConditionFailed
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Delete, Entry, Put
from daprdockr.model.stored.revisioned import Claim
from daprdockr.planning.claim_steps import (
    DropSuccession,
    GiveUpSuccession,
    ReadClaim,
    ReleaseClaim,
    Succeed,
    TakeClaim,
    TakeSuccession,
    WriteClaim,
)
from daprdockr.planning.lanes import Lane
from daprdockr.planning.outcome import Fault
from tests.build.carry_out import FIRST, KEY, RECORD, CarryOutCase
from tests.build.situations import starting_record
from tests.build.values import KEYS, WEB

NEXT_KEY = KEYS.successor(FIRST)
LEAVING = ClaimRecord("b", State.RUNNING, healthy=True, leaving=True)
RUNNING = ClaimRecord("a", State.RUNNING, healthy=True)


class ClaimTests(CarryOutCase):
    """Claims are transactions; the mirror has them at once."""

    def take(self) -> Claim:
        self.do(TakeClaim(FIRST, RECORD))
        assert self.claim is not None
        return self.claim

    def test_take(self) -> None:
        """A free instance becomes this node's, under its lease, and the mirror knows before the watch."""
        claim = self.take()
        entry = self.store.get(KEY)
        assert entry is not None
        self.assertEqual((entry.value, entry.lease), (RECORD.encode(), self.here.lease))
        self.assertEqual((claim.record, claim.fence, claim.lease), (RECORD, entry.create_revision, self.here.lease))

    def test_take_taken(self) -> None:
        """An instance that another node took first stays that node's, and the mirror is not touched."""
        self.store.put(KEY, starting_record("b").encode())
        self.assertIn("1.web.myapp", self.fails(TakeClaim(FIRST, RECORD), ConditionFailed))
        entry = self.store.get(KEY)
        assert entry is not None
        self.assertEqual((entry.value, self.claim), (starting_record("b").encode(), None))

    def test_take_without_a_lease(self) -> None:
        """Without a certain lease nothing is asked of etcd: a key under no lease would never go."""
        self.here = evolve(self.here, lease=0)
        self.store.calls.clear()
        self.fails(TakeClaim(FIRST, RECORD), ConditionFailed)
        self.assertEqual(self.store.calls, [])

    def test_take_without_etcd(self) -> None:
        """When etcd does not answer nobody knows whether the claim was written: the mirror is not touched."""
        self.store.unavailable = True
        self.fails(TakeClaim(FIRST, RECORD), EtcdUnavailable)
        self.assertIsNone(self.claim)

    def test_write(self) -> None:
        """A state is written over the own claim, which stays the claim it was."""
        claim = self.take()
        running = evolve(RECORD, state=State.RUNNING)
        self.do(WriteClaim(FIRST, running, claim.fence, claim.revision))
        after = self.claim
        assert after is not None
        self.assertEqual((after.record, after.fence, after.lease), (running, claim.fence, claim.lease))

    def test_write_retaken(self) -> None:
        """A claim that was deleted and taken anew is not written by who held it before: the fence is another."""
        claim = self.take()
        self.store.commit([], [Delete(KEY)])
        self.store.commit([], [Put(KEY, starting_record("b").encode(), self.here.lease)])
        self.fails(WriteClaim(FIRST, RECORD, claim.fence, claim.revision), ConditionFailed)

    def test_write_under_another_lease(self) -> None:
        """A claim under the node's former lease is not written under the new one."""
        claim = self.take()
        self.here = evolve(self.here, lease=self.store.grant(60).id)
        self.fails(WriteClaim(FIRST, RECORD, claim.fence, claim.revision), ConditionFailed)

    def test_write_late(self) -> None:
        """A write that arrives after a later one changes nothing: the revision it was made for is past."""
        claim = self.take()
        self.do(WriteClaim(FIRST, evolve(RECORD, state=State.RUNNING), claim.fence, claim.revision))
        self.fails(WriteClaim(FIRST, evolve(RECORD, healthy=True), claim.fence, claim.revision), ConditionFailed)

    def test_lost_answer(self) -> None:
        """After a write whose answer was lost it is not known who owns the instance, until its key was read."""
        self.store.loses_answers = True
        self.fails(TakeClaim(FIRST, RECORD), EtcdUnavailable)
        self.assertEqual((self.unanswered.of(WEB), self.claim), ({1}, None))
        self.do(ReadClaim(FIRST))
        assert self.claim is not None
        self.assertEqual((self.unanswered.of(WEB), self.claim.record), (frozenset(), RECORD))

    def test_lost_release(self) -> None:
        """Reading after a release whose answer was lost shows that the claim is gone, before the watch does."""
        claim = self.take()
        self.store.loses_answers = True
        self.fails(ReleaseClaim(FIRST, claim.fence), EtcdUnavailable)
        self.assertIsNotNone(self.claim)
        self.do(ReadClaim(FIRST))
        self.assertIsNone(self.claim)

    def test_lost_again(self) -> None:
        """Reading without an answer leaves the claim uncertain; reading that finds nothing there ends that."""
        self.store.unavailable = True
        self.fails(TakeClaim(FIRST, RECORD), EtcdUnavailable)
        self.fails(ReadClaim(FIRST), EtcdUnavailable)
        self.assertEqual(self.unanswered.of(WEB), {1})
        self.store.unavailable = False
        self.do(ReadClaim(FIRST))
        self.assertEqual((self.unanswered.of(WEB), self.claim), (frozenset(), None))

    def test_refused(self) -> None:
        """An answer that refuses is an answer."""
        self.store.put(KEY, starting_record("b").encode())
        self.fails(TakeClaim(FIRST, RECORD), ConditionFailed)
        self.assertEqual(self.unanswered.of(WEB), frozenset())

    def test_release(self) -> None:
        """A released claim is gone, in etcd and in the mirror."""
        claim = self.take()
        self.do(ReleaseClaim(FIRST, claim.fence))
        self.assertEqual((self.store.get(KEY), self.claim), (None, None))

    def test_release_retaken(self) -> None:
        """The claim of another node is not released."""
        claim = self.take()
        self.store.commit([], [Delete(KEY)])
        self.store.put(KEY, starting_record("b").encode())
        self.fails(ReleaseClaim(FIRST, claim.fence), ConditionFailed)
        self.assertIsNotNone(self.store.get(KEY))


class TransactionTests(CarryOutCase):
    """A hand-over in etcd: ``b`` owns the first instance, and this node, ``a``, takes it over."""

    def setUp(self) -> None:
        super().setUp()
        self.theirs = self.store.grant(60).id
        self.owner = self.store.put(KEY, LEAVING.encode(), self.theirs)
        self.mirror.cluster.replace(self.store.list(KEYS.root))

    @property
    def loads(self) -> dict[str, int]:
        return {node: load for node, load in self.mirror.cluster.loads.items() if load}

    def prepare(self) -> int:
        """Become the successor; the create revision of that."""
        self.do(TakeSuccession(FIRST, starting_record()))
        return self.mirror.cluster.successors(WEB)[1].fence

    def stored(self, key: str) -> Entry:
        entry = self.store.get(key)
        assert entry is not None
        return entry

    def assert_as_in_etcd(self) -> None:
        """The mirror, which noted the own writes, is as the watch would make it."""
        fresh = Cluster(KEYS)
        fresh.replace(self.store.list(KEYS.root))
        cluster = self.mirror.cluster
        self.assertEqual((cluster.claims(WEB), cluster.successors(WEB)), (fresh.claims(WEB), fresh.successors(WEB)))
        self.assertEqual(self.loads, {node: load for node, load in fresh.loads.items() if load})

    def test_prepare(self) -> None:
        """The succession is a key of its own under the own lease; it counts as load, and the claim is untouched."""
        fence = self.prepare()
        self.assertEqual((self.stored(NEXT_KEY).lease, self.stored(NEXT_KEY).create_revision), (self.here.lease, fence))
        self.assertEqual((self.stored(KEY).mod_revision, self.loads), (self.owner, {"a": 1, "b": 1}))
        self.assert_as_in_etcd()

    def test_prepared_by_another(self) -> None:
        """Of two that want to only one becomes the successor."""
        self.store.put(NEXT_KEY, starting_record("c").encode(), self.theirs)
        self.fails(TakeSuccession(FIRST, starting_record()), ConditionFailed)

    def test_succeed(self) -> None:
        """In one revision the claim is the successor's, under its lease and the same fence, and the succession gone."""
        fence = self.prepare()
        self.do(Succeed(FIRST, RUNNING, self.owner, self.theirs, fence))
        claim = self.stored(KEY)
        self.assertEqual((claim.lease, claim.create_revision), (self.here.lease, self.owner))
        self.assertEqual((ClaimRecord.decode(claim.value), self.store.get(NEXT_KEY)), (RUNNING, None))
        self.assertEqual(self.loads, {"a": 1})
        self.assert_as_in_etcd()

    def test_old_owner_writes_in_vain(self) -> None:
        """A later write or release by the old owner fails, though the claim's create revision is the same."""
        self.do(Succeed(FIRST, RUNNING, self.owner, self.theirs, self.prepare()))
        before = self.stored(KEY)
        self.here = evolve(self.here, node="b", lease=self.theirs)
        self.fails(WriteClaim(FIRST, LEAVING, self.owner, self.owner), ConditionFailed)
        self.fails(ReleaseClaim(FIRST, self.owner), ConditionFailed)
        self.store.revoke(self.theirs)
        self.assertEqual(self.stored(KEY), before)

    def test_owner_changed(self) -> None:
        """A claim that was created anew meanwhile is not taken over, and the succession stays."""
        fence = self.prepare()
        self.store.commit([], [Delete(KEY)])
        self.store.put(KEY, starting_record("c").encode(), self.theirs)
        self.fails(Succeed(FIRST, RUNNING, self.owner, self.theirs, fence), ConditionFailed)
        self.assertEqual(ClaimRecord.decode(self.stored(KEY).value).node, "c")
        self.assertEqual(self.stored(NEXT_KEY).create_revision, fence)

    def test_owner_gone(self) -> None:
        """A claim that ended is not brought back."""
        fence = self.prepare()
        self.store.revoke(self.theirs)
        self.fails(Succeed(FIRST, RUNNING, self.owner, self.theirs, fence), ConditionFailed)
        self.assertEqual(self.store.get(KEY), None)

    def test_succession_lost(self) -> None:
        """Nor is anything taken over by one whose succession ended, or is another's by now."""
        fence = self.prepare()
        self.store.commit([], [Delete(NEXT_KEY)])
        self.fails(Succeed(FIRST, RUNNING, self.owner, self.theirs, fence), ConditionFailed)
        self.store.put(NEXT_KEY, starting_record("c").encode(), self.theirs)
        self.fails(Succeed(FIRST, RUNNING, self.owner, self.theirs, fence), ConditionFailed)
        self.fails(DropSuccession(FIRST, fence), ConditionFailed)
        self.assertEqual(self.stored(KEY).mod_revision, self.owner)

    def test_lease_ended(self) -> None:
        """The succession of a node whose lease ended is gone, and its load with it; nothing else has changed."""
        self.prepare()
        self.store.revoke(self.here.lease)
        self.mirror.cluster.replace(self.store.list(KEYS.root))
        self.assertEqual((dict(self.mirror.cluster.successors(WEB)), self.loads), ({}, {"b": 1}))
        self.assertEqual(self.stored(KEY).mod_revision, self.owner)

    def test_drop(self) -> None:
        """A succession that is dropped leaves the claim as it was."""
        self.do(DropSuccession(FIRST, self.prepare()))
        self.assertEqual((self.store.get(NEXT_KEY), self.loads), (None, {"b": 1}))
        self.assertEqual(self.stored(KEY).mod_revision, self.owner)
        self.assert_as_in_etcd()

    def test_give_up(self) -> None:
        """One that is given up is dropped, and its copy is at fault, also if nobody knows what became of the key."""
        step = GiveUpSuccession(FIRST, self.prepare(), "0123456789ab", "not healthy in time")
        expected = Fault(
            "not healthy in time",
            Lane("container", FIRST, "0123456789ab"),
            "a does not take it over: not healthy in time",
            lasting=True,
            unhealthy=True,
        )
        self.assertEqual((self.outcome(step), self.store.get(NEXT_KEY)), (expected, None))
        self.store.unavailable = True
        self.assertEqual(self.outcome(step), expected)

    def test_without_a_lease(self) -> None:
        """Without a lease nothing is tried."""
        fence = self.prepare()
        self.here = evolve(self.here, lease=0)
        before = self.store.calls.count("commit")
        for step in (
            TakeSuccession(FIRST, RUNNING),
            Succeed(FIRST, RUNNING, self.owner, self.theirs, fence),
            DropSuccession(FIRST, fence),
        ):
            self.fails(step, ConditionFailed)
        self.assertEqual(self.store.calls.count("commit"), before)
