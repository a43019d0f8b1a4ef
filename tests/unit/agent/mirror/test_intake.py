"""Tests for daprdockr.agent.mirror.intake: order, amount, and who waits for whom."""

from __future__ import annotations

import threading
from collections.abc import Callable

from twisted.internet.task import LoopingCall
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.mirror.intake import MOST_BYTES, TURN, Intake
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.stored.entries import Batch, Change, Listing
from tests.build.history import batch, entry, listing
from tests.fakes.run import LoopClock

PATIENCE = 60.0
AWAY = EtcdUnavailable("etcd did not answer")
EIGHTH = b"x" * (MOST_BYTES // 8)


class IntakeCase(SynchronousTestCase):
    """An intake; ``taken`` has what was taken over, and ``prepared`` the keys of what was prepared."""

    def setUp(self) -> None:
        self.clock = LoopClock()
        self.taken: list[Listing | Batch | str] = []
        self.prepared: list[str] = []
        self.cost = 0.0
        self.intake = Intake(
            reactor=self.clock,
            prepare=self.prepare,
            listed=self.taken.append,
            changed=self.taken.append,
            lost=self.taken.append,
        )
        self.addCleanup(self.intake.close)

    def prepare(self, change: Change) -> None:
        self.prepared.append(change.key)
        self.clock.rightNow += self.cost

    def in_a_thread(self, *calls: Callable[[], None]) -> tuple[threading.Thread, threading.Semaphore]:
        """The thread that makes these calls, and a semaphore that is released after each."""
        made = threading.Semaphore(0)

        def make() -> None:
            for call in calls:
                call()
                made.release()

        thread = threading.Thread(target=make, daemon=True)
        thread.start()
        return thread, made

    def until_over(self, thread: threading.Thread) -> None:
        """Let the reactor go on until the thread's calls have all returned and were taken over."""
        for _ in range(6000):
            if thread.is_alive():
                thread.join(0.01)
                self.clock.advance(0)
        self.assertFalse(thread.is_alive())
        self.clock.advance(0)


class OrderTests(IntakeCase):
    """The reports of the follower that are taken over, and when."""

    def test_in_order(self) -> None:
        """All reports are taken over in their order, in the next turn."""
        told = [listing(5, entry("a", 3)), batch(entry("b", 6)), "etcd did not answer", Batch(1, 6, ())]
        self.intake.listed(listing(5, entry("a", 3)))
        self.intake.changed(batch(entry("b", 6)))
        self.intake.lost(AWAY)
        self.intake.changed(Batch(1, 6, ()))
        self.assertEqual(self.taken, [])
        self.clock.advance(0)
        self.assertEqual(self.taken, told)
        self.assertEqual(self.prepared, ["a", "b"])

    def test_newest_wins(self) -> None:
        """While the reactor does not get to it, a value that is written again and again is one change."""
        for revision in range(2, 1002):
            self.intake.changed(batch(entry("a", revision, EIGHTH)))
        self.clock.advance(0)
        self.assertEqual(self.taken, [Batch(1, 1001, (entry("a", 1001, EIGHTH),))])

    def test_other_cluster(self) -> None:
        """Changes of another cluster are not mixed with those before."""
        self.intake.changed(batch(entry("a", 2)))
        self.intake.changed(Batch(9, 3, (entry("a", 3),)))
        self.clock.advance(0)
        self.assertEqual(self.taken, [batch(entry("a", 2)), Batch(9, 3, (entry("a", 3),))])

    def test_lost_again(self) -> None:
        """Of losses in a row the last reason is reported."""
        self.intake.lost(EtcdUnavailable("one"))
        self.intake.lost(EtcdUnavailable("two"))
        self.clock.advance(0)
        self.assertEqual(self.taken, ["two"])

    def test_short_turns(self) -> None:
        """A list that takes longer than a turn is prepared in several, between other calls, and then reported once."""
        self.cost = 0.4 * TURN
        self.intake.listed(listing(9, *(entry(str(number), 3) for number in range(9))))
        beats: list[int] = []
        loop = LoopingCall(lambda: beats.append(len(self.prepared)))
        loop.clock = self.clock
        loop.start(TURN, now=False)
        self.addCleanup(loop.stop)
        self.clock.advance(0)
        self.assertEqual(beats, [3, 6, 9])
        self.assertEqual(len(self.taken), 1)

    def test_fault(self) -> None:
        """A report that cannot be prepared or taken over is logged, and the rest goes on."""
        listed: Callable[[Listing], None] = self.taken.append
        for prepare, takes in ((self.prepare, self.refuse), (self.refuse, listed)):
            intake = Intake(
                reactor=self.clock, prepare=prepare, listed=takes, changed=self.taken.append, lost=self.taken.append
            )
            self.taken.clear()
            intake.listed(listing(1, entry("a", 1)))
            intake.lost(AWAY)
            self.clock.advance(0)
            self.assertEqual((self.taken, len(self.flushLoggedErrors(IndexError))), ([str(AWAY)], 1))

    def refuse(self, report: Listing | Change) -> None:
        raise IndexError


class WaitingTests(IntakeCase):
    """The follower's thread and the reactor's."""

    def test_follower_waits(self) -> None:
        """Changes of more bytes than may wait keep the follower until the reactor has taken some; none is lost."""
        changes = [entry(str(number), number + 2, EIGHTH) for number in range(40)]
        thread, made = self.in_a_thread(*(lambda one=one: self.intake.changed(batch(one)) for one in changes))
        for _ in range(8):
            self.assertTrue(made.acquire(timeout=PATIENCE))
        self.assertFalse(made.acquire(timeout=0.05))
        self.until_over(thread)
        told = [change for batch in self.taken if isinstance(batch, Batch) for change in batch.changes]
        self.assertEqual(told, changes)
        self.assertGreaterEqual(len(self.taken), 5)

    def test_lists_wait(self) -> None:
        """A list waits until the one before it was taken over."""
        lists = [listing(5), listing(6)]
        thread, made = self.in_a_thread(*(lambda one=one: self.intake.listed(one) for one in lists))
        self.assertTrue(made.acquire(timeout=PATIENCE))
        self.assertFalse(made.acquire(timeout=0.05))
        self.until_over(thread)
        self.assertEqual(self.taken, lists)

    def test_comings_and_goings_wait(self) -> None:
        """So do the reports that etcd is away and back, when they come without end."""
        calls = [lambda: self.intake.lost(AWAY), lambda: self.intake.changed(Batch(1, 5, ()))] * 100
        thread, _ = self.in_a_thread(*calls)
        thread.join(0.05)
        self.assertTrue(thread.is_alive())
        self.until_over(thread)
        self.assertEqual(self.taken, [str(AWAY), Batch(1, 5, ())] * 100)

    def test_closed(self) -> None:
        """When the intake closes nobody waits any more, and nothing more is taken over."""
        calls = [lambda n=n: self.intake.changed(batch(entry(str(n), n + 2, EIGHTH))) for n in range(20)]
        thread, made = self.in_a_thread(*calls)
        self.assertTrue(made.acquire(timeout=PATIENCE))
        self.intake.close()
        thread.join(PATIENCE)
        self.assertFalse(thread.is_alive())
        self.clock.advance(0)
        self.assertEqual(self.taken, [])
