"""One node keeps etcd in order, also while nobody can take an office."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.membership.upkeep import INTERVAL, POLL, EtcdKeeping
from daprdockr.agent.office import Office
from daprdockr.model.stored.entries import Delete, Put
from daprdockr.planning.etcd_upkeep import PAUSE
from tests.build.values import KEYS
from tests.fakes.etcd_upkeep import MIB, MemoryUpkeep, looked, status
from tests.fakes.log_lines import LogLines
from tests.fakes.run import LoopClock, run_at_once
from tests.fakes.store import MemoryStore

WASTEFUL = looked(*(status(member, 300 * MIB, MIB) for member in (1, 2, 3)))
FULL = looked(*(status(member, 300 * MIB) for member in (1, 2, 3)), full={1})


class UpkeepTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lines = LogLines(self)
        self.clock = LoopClock()
        self.store = MemoryStore()
        self.lease = self.store.grant(60).id
        self.etcd = MemoryUpkeep(WASTEFUL)
        self.full = self.first = False
        self.made = EtcdKeeping(
            reactor=self.clock,
            run=run_at_once,
            etcd=self.etcd,
            office=Office(self.store, run_at_once, key=KEYS.upkeep, node="a", lease=lambda: self.lease),
            is_full=lambda: self.full,
            is_first=lambda: self.first,
        )
        self.made.startService()
        self.addCleanup(self.made.stopService)

    def turns(self, seconds: float = POLL) -> None:
        self.clock.pump([POLL] * int(seconds / POLL))

    def test_holder(self) -> None:
        """The node that takes the office does what is due, once a minute."""
        self.turns()
        self.assertEqual(self.etcd.asked, ["look", "defragment 2", "look"])
        self.turns(INTERVAL - POLL)
        self.assertEqual(len(self.etcd.asked), 3)
        self.turns()
        self.assertEqual(len(self.etcd.asked), 4)

    def test_other(self) -> None:
        """A node does nothing while another one holds the office, or once it lost it."""
        self.turns()
        self.store.commit([], [Delete(KEYS.upkeep)])
        self.store.commit([], [Put(KEYS.upkeep, b"b")])
        asked = len(self.etcd.asked)
        self.turns(2 * INTERVAL)
        self.assertEqual(len(self.etcd.asked), asked)

    def test_lost_meanwhile(self) -> None:
        """The office is confirmed right before a step."""
        self.etcd.on_look = lambda: self.store.commit([], [Delete(KEYS.upkeep), Put(f"{KEYS.upkeep}x", b"")])
        self.turns()
        self.assertEqual((len(self.etcd.asked), self.etcd.done), (1, []))

    def test_full(self) -> None:
        """A full etcd is compacted, written anew and disarmed, in which nobody can take the office but the first."""
        self.etcd.look_next, self.store.full, self.full = FULL, True, True
        self.turns(2 * POLL)
        self.assertEqual(self.etcd.asked, [])
        self.first = True
        self.turns(2 * POLL)
        wanted = ["compact 100", "defragment 2", "defragment 3", "defragment 1", "disarm [1]"]
        self.assertEqual(self.etcd.done, wanted)
        self.assertEqual(len(self.lines("begins to")), 5)

    def test_in_use(self) -> None:
        """That it is full of keys is logged once."""
        self.etcd.look_next, self.etcd.live, self.full = FULL, 299 * MIB, True
        self.turns(INTERVAL)
        self.assertEqual(len(self.lines("delete some")), 1)

    def test_forbidden(self) -> None:
        """A node without the right says so once, and goes on."""
        self.etcd.forbidden = True
        self.turns(3 * INTERVAL)
        self.assertEqual((len(self.etcd.done), len(self.lines("may not keep etcd in order"))), (3, 1))

    def test_forbidden_again(self) -> None:
        """A right that is lost again after it was granted is said again."""
        for forbidden in (True, False, True):
            self.etcd.look_next, self.etcd.forbidden = WASTEFUL, forbidden
            self.turns(PAUSE + INTERVAL)
        self.assertEqual(len(self.lines("may not keep etcd in order")), 2)

    def test_away(self) -> None:
        """An etcd that does not answer is asked again a minute later."""
        self.etcd.away = True
        self.turns(INTERVAL)
        self.etcd.away = False
        self.turns(2 * POLL)
        self.assertEqual(self.etcd.done, ["defragment 2"])
