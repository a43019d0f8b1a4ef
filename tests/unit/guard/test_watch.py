"""The guard's loop: which signals the containers of an Engine in memory get, at which time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.guard.orders import Order, Orders
from daprdockr.guard.watch import IDLE, POLL, Guard
from tests.fakes.engine import MemoryEngine
from tests.fakes.guard import KILL, TERM, MemoryProcesses
from tests.marked import marked

BOOT = "this-boot"
MARGIN = 0.5
NONE: Mapping[str, Order] = {}


class DeafProcesses(MemoryProcesses):
    """Containers that go on at TERM."""

    def signal(self, pid: int, container: str, number: int) -> bool:
        if number == TERM:
            self.signals.append((container, number))
            return True
        return super().signal(pid, container, number)


class GuardCase(SynchronousTestCase):
    """One container that runs, orders in ``content``, and the time in ``now``."""

    def setUp(self) -> None:
        self.engine = MemoryEngine(node="a")
        self.engine.add_image("web:1")
        self.one = self.create("one")
        self.engine.start(self.one)
        self.processes = DeafProcesses(self.engine)
        self.now = 0.0
        self.content: bytes | None = None
        self.memory: bytes | None = None
        self.told: list[str] = []
        self.guard = self.make()

    def make(self) -> Guard:
        return Guard(
            read=lambda: self.content,
            memory=lambda: self.memory,
            processes=self.processes,
            clock=lambda: self.now,
            boot=BOOT,
            report=self.told.append,
        )

    def create(self, name: str) -> str:
        return self.engine.create(name, {"Image": "web:1", "Labels": marked(name, "a")})

    def order(self, deadline: float, grace: float = 2.0, boot: str = BOOT, more: Mapping[str, Order] = NONE) -> None:
        self.content = Orders(boot, MARGIN, {self.one: Order(deadline, grace), **more}).encode()

    def look_until(self, end: float) -> None:
        """Look as the program does: at once, and each time the guard asks for it."""
        while self.now < end:
            pause = self.guard.poll()
            self.assertGreater(pause, 0.0)
            self.now += pause

    def running(self) -> bool:
        return any(state.running for state in self.engine.states)


class TwoWaysTests(GuardCase):
    """Note [Two ways]: orders that come by the disk and by memory."""

    def written(self, at: float, deadline: float, boot: str = BOOT) -> bytes:
        return Orders(boot, MARGIN, {self.one: Order(deadline)}, at).encode()

    def deadline(self) -> float | None:
        """The deadline that the guard goes by."""
        self.guard.poll()
        order = self.guard.orders.containers.get(self.one)
        return None if order is None else order.deadline

    def test_memory_alone(self) -> None:
        """A disk that stays as it was costs nothing: what comes by memory counts."""
        self.content = self.memory = self.written(1.0, 10.0)
        self.assertEqual(self.deadline(), 10.0)
        self.memory = self.written(4.0, 13.0)
        self.assertEqual(self.deadline(), 13.0)
        self.now = 11.0
        self.look_until(12.0)
        self.assertEqual((self.running(), self.told), (True, []))

    def test_late_disk(self) -> None:
        """Earlier orders that the disk brings later replace none, also at the first look of a guard."""
        self.content, self.memory = self.written(1.0, 10.0), self.written(4.0, 13.0)
        self.assertEqual(self.deadline(), 13.0)
        self.content = self.written(2.0, 11.0)
        self.assertEqual(self.deadline(), 13.0)
        self.content = self.written(5.0, 14.0)
        self.assertEqual(self.deadline(), 14.0)

    def test_disk_seen_late(self) -> None:
        """Nor does a disk that answers for the first time, with orders of any agent, or of another boot."""
        for content in (self.written(1.0, 10.0), self.written(0.0, 10.0), self.written(99.0, 10.0, "former-boot")):
            self.guard = self.make()
            self.content, self.memory = None, self.written(4.0, 13.0)
            self.assertEqual(self.deadline(), 13.0)
            self.content = content
            self.assertEqual(self.deadline(), 13.0)

    def test_disk_alone(self) -> None:
        """Orders on the disk that are newer than those in memory count: an agent may not reach the memory."""
        self.memory, self.content = self.written(1.0, 10.0), self.written(4.0, 13.0)
        self.assertEqual(self.deadline(), 13.0)

    def test_older_agent(self) -> None:
        """An older agent writes to the disk alone, and no time; its orders count as the file changes."""
        self.memory = self.content = self.written(4.0, 13.0)
        self.assertEqual(self.deadline(), 13.0)
        for deadline in (20.0, 18.0):
            self.content = self.written(0.0, deadline)
            self.assertEqual(self.deadline(), deadline)
        self.memory = self.written(30.0, 40.0)
        self.assertEqual(self.deadline(), 40.0)


class DeadlineTests(GuardCase):
    """The actions as a deadline comes nearer."""

    def test_times(self) -> None:
        """TERM comes once, when the grace begins, and KILL at the margin before the deadline, each to the moment."""
        times: list[tuple[float, int]] = []
        self.order(100.0)
        self.now = 90.0
        while self.now < 101.0:
            before = len(self.processes.signals)
            pause = self.guard.poll()
            times += [(self.now, number) for _, number in self.processes.signals[before:]]
            self.now += pause
        self.assertEqual(times, [(97.5, TERM), (99.5, KILL)])
        self.assertFalse(self.running())
        self.assertEqual(len(self.told), 2)

    def test_beats(self) -> None:
        """While the deadline moves on in time nothing is signalled."""
        for beat in range(20):
            self.order(self.now + 6.0)
            self.look_until(2.0 * (beat + 1))
        self.assertEqual((self.processes.signals, self.running()), ([], True))

    def test_beat_at_the_last_moment(self) -> None:
        """The poll at which something is due reads the orders first."""
        self.order(100.0)
        self.now = 90.0
        self.guard.poll()
        self.now = 99.9
        self.order(106.0)
        self.guard.poll()
        self.assertEqual(self.processes.signals, [])

    def test_beat_after_term(self) -> None:
        """A deadline that moves on after TERM spares the container KILL; the next one has a TERM of its own."""
        self.order(100.0)
        self.now = 98.0
        self.guard.poll()
        self.order(106.0)
        self.look_until(103.0)
        self.assertEqual(self.processes.signals, [(self.one, TERM)])
        self.look_until(104.0)
        self.assertEqual(self.processes.signals, [(self.one, TERM)] * 2)

    def test_late_start(self) -> None:
        """A container that appears after its deadline is killed at the next look, as often as it does."""
        self.engine.crash(self.one)
        self.order(100.0)
        self.now = 98.0
        self.look_until(105.0)
        self.assertEqual(self.processes.signals, [])
        for _ in range(2):
            self.engine.start(self.one)
            self.look_until(self.now + POLL)
            self.assertFalse(self.running())
        self.assertEqual(self.processes.signals, [(self.one, KILL)] * 2)

    def test_allowed_again(self) -> None:
        """Only a later deadline ends that."""
        self.order(100.0)
        self.look_until(101.0)
        self.order(110.0)
        self.guard.poll()
        self.engine.start(self.one)
        self.look_until(107.0)
        self.assertTrue(self.running())

    def test_each_its_own(self) -> None:
        """Containers end by their own deadlines; one that is not in the orders is left alone."""
        two, three = self.create("two"), self.create("three")
        for container in (two, three):
            self.engine.start(container)
        self.order(100.0, more={two: Order(0.0)})
        self.guard.poll()
        self.assertEqual(self.processes.signals, [(two, KILL)])
        self.look_until(200.0)
        self.assertEqual([state.id for state in self.engine.states if state.running], [three])

    def test_slept_through(self) -> None:
        """A guard that looks too late, because the machine was suspended, kills at once."""
        self.order(100.0)
        self.guard.poll()
        self.now = 5000.0
        self.guard.poll()
        self.assertEqual(self.processes.signals, [(self.one, KILL)])

    def test_started_anew(self) -> None:
        """A guard started anew does what the former one would have done."""
        self.order(100.0)
        self.now = 95.0
        self.guard.poll()
        self.guard = self.make()
        self.look_until(101.0)
        self.assertEqual(self.processes.signals, [(self.one, TERM), (self.one, KILL)])


class OrdersTests(GuardCase):
    """The file with the orders, as the guard reads it."""

    def test_nothing_yet(self) -> None:
        """Without orders there is nothing to guard, and little to do."""
        self.now = 1e9
        self.assertEqual(self.guard.poll(), IDLE)
        self.assertEqual(self.processes.signals, [])

    def test_another_boot(self) -> None:
        """Orders of another boot are none."""
        self.order(1.0, boot="former-boot")
        self.look_until(10.0)
        self.assertEqual(self.processes.signals, [])

    def test_unreadable(self) -> None:
        """The last readable orders stand, whatever the file holds later, and that is reported once."""
        self.order(100.0)
        self.look_until(1.0)
        for content in (b"", b"{", None):
            self.content = content
            self.look_until(self.now + 1.0)
        self.assertEqual(len(self.told), 2)
        self.look_until(101.0)
        self.assertEqual(self.processes.signals, [(self.one, TERM), (self.one, KILL)])

    def test_refused(self) -> None:
        """A container that may not be signalled is reported, and tried again at the next poll."""
        self.order(100.0, grace=0.0)
        self.now = 99.5
        self.processes.refused = True
        self.guard.poll()
        self.assertIn("cannot be signalled", self.told[0])
        self.processes.refused = False
        self.guard.poll()
        self.assertEqual(self.processes.signals, [(self.one, KILL)])

    def test_pace(self) -> None:
        """With something to guard the next poll follows within a tenth of a second."""
        self.order(100.0)
        self.assertEqual(self.guard.poll(), POLL)
        self.now = 97.45
        self.assertAlmostEqual(self.guard.poll(), 0.05)


class NothingTests(SynchronousTestCase):
    """A container without processes."""

    def test_told_only_when_done(self) -> None:
        """An action that is due for a container that does not run is not reported, for nothing happened."""
        told: list[str] = []
        engine = MemoryEngine(node="a")
        content = Orders(BOOT, MARGIN, {"f" * 64: Order(1.0)}).encode()
        processes: Any = MemoryProcesses(engine)
        guard = Guard(read=lambda: content, processes=processes, clock=lambda: 9.0, boot=BOOT, report=told.append)
        guard.poll()
        self.assertEqual(told, [])
