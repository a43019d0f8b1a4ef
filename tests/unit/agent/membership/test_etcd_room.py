"""The room in etcd, as an agent sees it."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.membership.etcd_room import INTERVAL, POLL, TROUBLED, EtcdRoom
from tests.fakes.etcd_upkeep import MIB, MemoryUpkeep, looked, status
from tests.fakes.run import LoopClock, run_at_once

WELL = evolve(looked(*(status(member) for member in (1, 2, 3))), quota=2048 * MIB, compacted=7)


class RoomTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = LoopClock()
        self.etcd = MemoryUpkeep(WELL)
        self.room = EtcdRoom(reactor=self.clock, run=run_at_once, etcd=self.etcd, wall=lambda: self.clock.seconds() + 9)
        self.room.startService()
        self.addCleanup(self.room.stopService)

    def turns(self, seconds: float) -> None:
        self.clock.pump([POLL] * int(seconds / POLL))

    def test_seldom(self) -> None:
        """Etcd is asked soon after the start, and then seldom, but more often while something is wrong."""
        self.assertIsNone(self.room.known)
        self.turns(INTERVAL)
        self.assertEqual(len(self.etcd.asked), 1)
        self.etcd.look_next = evolve(WELL, full=frozenset({1}))
        self.turns(INTERVAL)
        self.assertEqual(self.room.known and self.room.known.look, self.etcd.look_next)
        asked = len(self.etcd.asked)
        self.turns(4 * TROUBLED)
        self.assertEqual(len(self.etcd.asked), asked + 4)

    def test_compaction(self) -> None:
        """When a compaction was seen is known of those since the agent began."""
        self.turns(POLL)
        assert self.room.known is not None
        self.assertEqual(self.room.known.compacted_at, 0.0)
        self.etcd.look_next = evolve(WELL, compacted=8)
        self.turns(INTERVAL)
        self.assertEqual(self.room.known.compacted_at, self.room.known.time)
        self.turns(INTERVAL)
        self.assertEqual(self.room.known.compacted_at, self.room.known.time - INTERVAL)

    def test_away(self) -> None:
        """An etcd that does not answer is asked again soon, and what was seen stays."""
        self.etcd.away = True
        self.turns(2 * POLL)
        self.assertEqual((self.room.known, len(self.etcd.asked)), (None, 2))
        self.etcd.away = False
        self.turns(POLL)
        known = self.room.known
        self.etcd.away = True
        self.turns(INTERVAL)
        self.assertIs(self.room.known, known)
