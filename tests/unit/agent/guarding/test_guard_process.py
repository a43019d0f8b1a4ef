"""The agent's end of the guard: writes that wait for a disk, and a process whose state is polled."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.guarding.guard_process import TIMEOUT, UNSEEN, UNSUPPORTED, UNTOUCHED, guard_process
from daprdockr.agent.statedir import StateDir
from daprdockr.guard.orders import Order, Orders
from tests.fakes.engine import MemoryEngine
from tests.fakes.guard import HostMemory, MemoryProcesses, StandingProcess, memory_guard, orders_on_disk
from tests.fakes.process import ProcessReactor
from tests.fakes.run import HeldRun, LoopClock, run_at_once
from tests.marked import marked


class GuardCase(SynchronousTestCase):
    """A guard over a disk whose writes the test ends."""

    def setUp(self) -> None:
        self.clock = LoopClock()
        self.disk = HeldRun()
        self.state = StateDir(Path(self.mktemp()))
        self.state.path.mkdir(parents=True)
        self.process = StandingProcess()
        self.engine = MemoryEngine(node="a")
        self.processes = MemoryProcesses(self.engine)
        self.guard = memory_guard(self.clock, self.state, self.process, self.processes, self.disk)

    def given(self, orders: bytes) -> Deferred[None]:
        return Deferred.fromCoroutine(self.guard.given(orders))

    def container(self) -> str:
        """One that runs."""
        self.engine.add_image("web:1")
        container = self.engine.create("one", {"Image": "web:1", "Labels": marked("one", "a")})
        self.engine.start(container)
        return container


class WritingTests(GuardCase):
    """``give`` and ``given``."""

    def test_one_at_a_time(self) -> None:
        """Of the orders that come during a write the last ones are written next, and the others never."""
        for orders in (b"1", b"2", b"3"):
            self.guard.give(orders)
        self.assertEqual(len(self.disk.waiting), 1)
        self.disk.end("write_guard")
        self.assertEqual((orders_on_disk(self.state), len(self.disk.waiting)), (b"1", 1))
        self.disk.end("write_guard")
        self.assertEqual((orders_on_disk(self.state), self.disk.waiting), (b"3", []))

    def test_given(self) -> None:
        """A caller that waits for orders learns when these or later ones are written, not when earlier ones are."""
        self.guard.give(b"1")
        waiting = [self.given(b"2"), self.given(b"3")]
        self.disk.end("write_guard")
        for done in waiting:
            self.assertNoResult(done)
        self.disk.end("write_guard")
        for done in waiting:
            self.successResultOf(done)
        self.assertEqual(orders_on_disk(self.state), b"3")

    def test_failure(self) -> None:
        """A write that fails is reported, also to the caller that waits for it; the next orders are the next try."""
        self.state.path.rename(self.state.path.with_name("away"))
        done = self.given(b"1")
        self.disk.end("write_guard")
        self.failureResultOf(done, OSError)
        self.assertIn("cannot be written", self.guard.unwritten)
        self.assertEqual(self.disk.waiting, [])
        self.state.path.with_name("away").rename(self.state.path)
        self.guard.give(b"2")
        self.disk.end("write_guard")
        self.assertEqual((orders_on_disk(self.state), self.guard.unwritten), (b"2", ""))

    def test_failure_of_an_earlier_one(self) -> None:
        """A write that fails while newer orders wait keeps those from nothing."""
        self.guard.give(b"1")
        done = self.given(b"2")
        self.state.path.rename(self.state.path.with_name("away"))
        self.disk.end("write_guard")
        self.state.path.with_name("away").rename(self.state.path)
        self.disk.end("write_guard")
        self.successResultOf(done)

    def test_disk_hangs(self) -> None:
        """A caller learns after some seconds that the disk hangs; nothing piles up behind its write."""
        for _ in range(3):
            done = self.given(b"1")
            self.clock.advance(TIMEOUT)
            self.failureResultOf(done, TimeoutError)
        self.assertEqual(len(self.disk.waiting), 1)
        done = self.given(b"2")
        self.disk.end("write_guard")
        self.disk.end("write_guard")
        self.successResultOf(done)


class SharedTests(GuardCase):
    """Orders that the guard reads in memory, whatever the disk does."""

    def setUp(self) -> None:
        super().setUp()
        self.memory = HostMemory()
        self.guard = memory_guard(self.clock, self.state, self.process, self.processes, self.disk, self.memory)
        self.guard.start()

    def orders(self, at: float, deadline: float) -> Orders:
        return Orders("boot", 0.2, {"1" * 64: Order(deadline)}, at)

    def test_disk_hangs(self) -> None:
        """Orders are given at once while the disk takes its time, which gets the last of them."""
        for orders in (b"1", b"2", b"3"):
            self.successResultOf(self.given(orders))
            self.assertEqual(self.memory.read(), orders)
        self.disk.end("write_guard")
        self.disk.end("write_guard")
        self.assertEqual((orders_on_disk(self.state), self.disk.waiting), (b"3", []))

    def test_disk_fails(self) -> None:
        """A disk that takes no orders is logged once; it is a condition only if the memory does not reach the guard."""
        self.state.path.rename(self.state.path.with_name("away"))
        with capturedLogs() as logged:
            for orders in (b"1", b"2"):
                self.successResultOf(self.given(orders))
                self.disk.end("write_guard")
        self.assertEqual((len(logged), self.guard.condition, self.memory.read()), (1, None, b"2"))
        self.memory.reached = False
        self.guard.give(b"3")
        self.disk.end("write_guard")
        self.assertIn("cannot be written", str(self.guard.condition))
        self.state.path.with_name("away").rename(self.state.path)
        self.guard.give(b"4")
        self.disk.end("write_guard")
        self.assertEqual((self.guard.condition, orders_on_disk(self.state)), (None, b"4"))

    def test_next_agent(self) -> None:
        """The next agent resumes the newer orders, be they in memory or on the disk."""
        for on_disk, in_memory, newer in ((1.0, 2.0, 20.0), (2.0, 1.0, 10.0), (0.0, 2.0, 10.0)):
            self.state.write_guard(self.orders(on_disk, 10.0).encode())
            self.memory.write(self.orders(in_memory, 20.0).encode(), None)
            guard = memory_guard(self.clock, self.state, self.process, self.processes, memory=self.memory)
            resumed = guard.resume("boot")
            assert resumed is not None
            self.assertEqual(resumed.containers["1" * 64].deadline, newer)

    def test_orders_lost_on_disk(self) -> None:
        """Orders that the disk lost, or has of a former boot, are found in memory; damaged ones there count as none."""
        self.memory.write(self.orders(2.0, 20.0).encode(), None)
        for content in (b"{", self.orders(9.0, 10.0)._replace(boot="former").encode()):
            self.state.write_guard(content)
            self.assertEqual(self.guard.resume("boot"), self.orders(2.0, 20.0))
        self.memory.write(b"{", None)
        self.assertEqual(self.guard.resume("boot"), Orders("boot", 0.2, {}))

    def test_no_orders_ever(self) -> None:
        """Where there never was a guard none is started."""
        process = StandingProcess()
        guard = memory_guard(self.clock, self.state, process, self.processes, memory=HostMemory())
        self.assertEqual((guard.resume("boot"), process.starts), (None, 0))


class ProcessTests(GuardCase):
    """The process, and what it will find."""

    def test_started_once(self) -> None:
        """It is started once, however often that is asked for."""
        self.guard.start()
        self.guard.start()
        self.assertEqual((self.process.starts, self.guard.stands), (1, True))

    def test_ready(self) -> None:
        """It is waited for until it stands, for some seconds."""
        self.process.on_guard = False
        self.guard.start()
        first = Deferred.fromCoroutine(self.guard.is_ready())
        self.clock.advance(0.1)
        self.assertNoResult(first)
        self.process.on_guard = True
        self.clock.advance(0.1)
        self.assertTrue(self.successResultOf(first))
        self.process.on_guard = False
        second = Deferred.fromCoroutine(self.guard.is_ready())
        self.clock.pump([0.1] * (10 * int(TIMEOUT) + 1))
        self.assertFalse(self.successResultOf(second))

    def test_stop(self) -> None:
        """It is left running or ended; one that never ran is neither."""
        self.assertIsNone(self.guard.stop(leave_running=False))
        for leave in (True, False):
            self.guard.start()
            self.guard.stop(leave)
            self.assertEqual(self.process.ended, not leave)

    def test_blindness(self) -> None:
        """A container that can be seen and signalled can be guarded, any other cannot, each with its reason."""
        container = self.container()
        self.guard = memory_guard(self.clock, self.state, self.process, self.processes)

        def blindness() -> str:
            return self.successResultOf(self.guard.blindness(container))

        self.assertEqual(blindness(), "")
        self.processes.refused = True
        self.assertEqual(blindness(), UNTOUCHED)
        self.processes.refused, self.processes.error = False, errno.ENOSYS
        self.assertEqual(blindness(), UNSUPPORTED)
        self.processes.error = errno.EMFILE
        self.failureResultOf(self.guard.blindness(container), OSError)  # which says nothing about the guard
        self.processes.hidden = True
        self.assertEqual(blindness(), UNSEEN)

    def test_alone(self) -> None:
        """The last container is waited for, for some seconds."""
        container = self.container()
        self.guard = memory_guard(self.clock, self.state, self.process, self.processes)
        first = Deferred.fromCoroutine(self.guard.all_gone([container]))
        self.clock.pump([0.1] * (10 * int(TIMEOUT) + 1))
        self.assertFalse(self.successResultOf(first))
        second = Deferred.fromCoroutine(self.guard.all_gone([container]))
        self.assertNoResult(second)
        self.engine.crash(container)
        self.clock.advance(0.1)
        self.assertTrue(self.successResultOf(second))


class CommandTests(SynchronousTestCase):
    """``guard_process``: what is run."""

    def test_command(self) -> None:
        """This Python runs the guard for the state directory, without the current directory on its path."""
        reactor: Any = ProcessReactor()
        state = StateDir(Path(self.mktemp()).absolute())
        state.path.mkdir(parents=True)
        guard = guard_process(state, run_at_once, reactor, {"PATH": os.environ["PATH"]})
        guard._process.table = reactor.table
        guard.start()
        (process,) = reactor.processes
        self.assertEqual(process.argv[1:], [sys.executable, "-P", "-m", "daprdockr.guard", str(state.path)])
        self.assertTrue((state.path / "guard" / "process.json").exists())
        self.assertIn("memfd:daprdockr-orders", os.readlink(f"/proc/self/fd/{process.descriptors[3]}"))
        self.assertFalse(guard.stands)
        guard.stop(leave_running=True)
        self.assertEqual(reactor.living, [process])
