"""The memory of a rollout: from the change until the service was healthy as a whole for a while, without outages."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reconcile.under_way import MOST_IDLE, UnderWay
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Deleted, Entry
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.stored.slot import SlotRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.attempts import STEADY
from daprdockr.planning.situation import Rollout
from tests.build.situations import HERE, LEASE, WEB_1, WEB_2
from tests.build.values import KEYS, WEB, instance


class UnderWayTests(SynchronousTestCase):
    """Node ``a`` owns the only instance."""

    def setUp(self) -> None:
        self.cluster, self.here, self.revision = Cluster(KEYS), HERE, 10
        self.under_way = UnderWay(here=lambda: self.here, cluster=self.cluster)

    def write(self, key: str, value: bytes, lease: int = 0) -> None:
        self.revision += 1
        self.cluster.note(Entry(key, value, self.revision, self.revision, lease))

    def delete(self, key: str) -> None:
        self.revision += 1
        self.cluster.note(Deleted(key, self.revision))

    def define(self, wanted: Definition) -> None:
        self.write(KEYS.service(WEB), wanted.encode())

    def runs(self, of: Definition, healthy: bool = True, node: str = "a") -> None:
        record = ClaimRecord(node, State.RUNNING, healthy, container="c", definition=of.digest)
        self.write(KEYS.claim(instance(1)), record.encode(), LEASE)

    def take_slot(self, of: Definition) -> None:
        self.write(KEYS.slot(WEB, 1), SlotRecord("a", instance(1), of.digest).encode(), LEASE)

    def look(self, *times: float) -> Rollout:
        for now in times:
            self.under_way.observe(WEB, now)
        return self.under_way.of(WEB)

    def well(self) -> None:
        """The service ran as it should when this agent began."""
        self.define(WEB_1)
        self.runs(WEB_1)
        self.assertEqual(self.look(0), Rollout())

    def test_goes_on(self) -> None:
        """A rollout goes on from the change on, until the service was healthy as a whole for a while."""
        self.well()
        self.define(WEB_2)
        found = self.look(5)
        self.assertEqual((found.goes_on, found.since, found.settles_at), (True, 5, None))
        self.take_slot(WEB_2)
        self.runs(WEB_2)
        self.assertEqual(self.look(6, 7).held_since, {1: 6})
        self.delete(KEYS.slot(WEB, 1))
        found = self.look(8, 9)
        self.assertEqual((found.goes_on, found.settles_at, found.held_since), (True, 8 + STEADY, {}))
        self.runs(WEB_2, healthy=False)
        self.assertIsNone(self.look(10).settles_at)
        self.runs(WEB_2)
        found = self.look(11, 11 + STEADY)
        self.assertEqual((found.goes_on, found.unmarked), (False, True))
        self.under_way.marked(WEB)
        self.assertEqual(self.look(12 + STEADY), Rollout())

    def test_never_whole(self) -> None:
        """It is over, too, if nothing has moved for a while, because there is no host for an instance."""
        self.well()
        self.define(WEB_2)
        self.look(5)
        self.runs(WEB_2, healthy=False)
        self.assertTrue(self.look(6, 5 + MOST_IDLE - 1).goes_on)
        self.assertFalse(self.look(5 + MOST_IDLE).goes_on)

    def test_who_marks(self) -> None:
        """The node of the first instance marks a good definition, no other one, and none that was good before."""
        self.well()
        self.runs(WEB_1, healthy=False)
        self.look(1)
        self.runs(WEB_1)
        self.assertEqual(self.look(2, 3 + STEADY), Rollout())
        self.define(WEB_2)
        self.look(20)
        self.runs(WEB_2, node="b")
        self.assertTrue(self.look(21).unmarked)
        self.assertEqual(self.look(21 + STEADY), Rollout())

    def test_first_start(self) -> None:
        """A first start is no rollout, but its definition is to be marked."""
        self.define(WEB_1)
        found = self.look(1)
        self.assertEqual((found.goes_on, found.unmarked, found.settles_at), (False, True, None))

    def test_etcd_away(self) -> None:
        """The time for which etcd is away is not counted, and what is known then is not trusted."""
        self.well()
        self.define(WEB_2)
        self.take_slot(WEB_2)
        self.assertEqual(self.look(5, 8).held_since, {1: 5})
        self.here = evolve(HERE, in_touch=False)
        self.look(9, 20)
        self.here = HERE
        self.assertEqual(self.look(25, 26).held_since, {1: 5 + 25 - 8})

    def test_begins_out_of_touch(self) -> None:
        """An agent that begins with its last known state looks when it is in touch."""
        self.here = evolve(HERE, in_touch=False)
        self.define(WEB_1)
        self.assertEqual(self.look(0), Rollout())
        self.here = HERE
        self.runs(WEB_1)
        self.assertEqual(self.look(1), Rollout())

    def test_resumed(self) -> None:
        """A rollout that a person resumes begins anew: with its deadlines, and without the failures from before."""
        self.well()
        self.define(WEB_2)
        self.take_slot(WEB_2)
        self.look(5)
        self.write(KEYS.rollout(WEB), RolloutRecord(RolloutState.PAUSED, "", WEB_2.digest).encode())
        self.assertEqual(self.look(6).since, 5)
        self.delete(KEYS.rollout(WEB))
        found = self.look(30)
        self.assertEqual((found.since, found.held_since), (30, {1: 30}))

    def test_stored_once_more(self) -> None:
        """So does one whose definition is stored once more: this node may not have seen that it was stopped."""
        self.well()
        self.define(WEB_2)
        self.take_slot(WEB_2)
        self.look(5)
        self.define(WEB_2)
        found = self.look(30)
        self.assertEqual((found.since, found.held_since), (30, {1: 30}))

    def test_deleted(self) -> None:
        """Of a service that is deleted nothing is remembered."""
        self.define(WEB_1)
        self.look(1)
        self.delete(KEYS.service(WEB))
        self.assertEqual(self.look(2), Rollout())
