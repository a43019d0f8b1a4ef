"""Threads for blocking calls: where calls run, what a stopped pool refuses, and that a blocked thread blocks nobody."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

from twisted.internet.defer import CancelledError, gatherResults
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.threadable import isInIOThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from daprdockr.runtime.settling import Settling
from daprdockr.runtime.workers import LONG_WAIT, RETRY, Stopped, Workers
from tests.fakes.log_lines import LogLines
from tests.fakes.run import LoopClock
from tests.unit.house.sources import CHECKOUT

BLOCKED_EXIT = """
import threading
from twisted.internet import reactor
from daprdockr.runtime.workers import Workers

workers = Workers(name="blocked", size=1, reactor=reactor, grace=0.1)
workers.startService()

def block():
    reactor.callFromThread(stop)
    threading.Event().wait()

def stop():
    workers.stopService().addCallback(lambda _: reactor.stop())

workers(block)
reactor.run()
print("ended")
"""


MORE_THAN_THERE_IS = 2**46
"""Bytes of a thread's stack with which the kernel starts none."""


class WorkersTests(TestCase):
    """Real threads."""

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.release = threading.Event()
        self.addCleanup(self.release.set)

    def start(self, size: int = 1, share: int = 0) -> Workers:
        workers = Workers(name="test", size=size, share=share, reactor=self.reactor, grace=0.05)
        workers.startService()
        self.addCleanup(workers.stopService)
        return workers

    async def test_counted(self) -> None:
        """Calls that have ended are counted with their durations, and those that raised; so are those under way."""
        workers = self.start()
        waiting = [workers(self.release.wait), workers(divmod, 1, 0)]
        self.assertEqual((workers.in_flight, workers.waiting, sum(workers.durations.read().counts)), (1, 1, 0))
        self.release.set()
        await waiting[0]
        with self.assertRaises(ZeroDivisionError):
            await waiting[1]
        self.assertEqual((workers.in_flight, workers.waiting), (0, 0))
        self.assertEqual((sum(workers.durations.read().counts), workers.failed), (2, 1))

    async def test_call(self) -> None:
        """A call runs in a daemon thread of the pool's name; its result arrives in the reactor's thread."""
        workers = self.start()
        thread = await workers(threading.current_thread)
        self.assertTrue(thread.daemon)
        self.assertIn("test", thread.name)
        self.assertTrue(isInIOThread())

    async def test_arguments(self) -> None:
        """Arguments are handed on."""
        self.assertEqual(await self.start()(dict, [("a", 1)], b=2), {"a": 1, "b": 2})

    async def test_error(self) -> None:
        """The caller gets the exception that the call raised."""
        with self.assertRaises(ZeroDivisionError):
            await self.start()(divmod, 1, 0)

    async def test_no_thread_left(self) -> None:
        """A call for which the kernel starts no thread waits for one, and holds none meanwhile."""
        workers = self.start(2)
        first = workers(self.release.wait)
        self.addCleanup(threading.stack_size, threading.stack_size(MORE_THAN_THERE_IS))
        waiting = [workers(divmod, 7, 2) for _ in range(3)]
        self.assertEqual((workers.in_flight, workers.waiting), (1, 3))
        threading.stack_size(0)
        self.assertEqual([await call for call in waiting], 3 * [(3, 1)])
        self.assertEqual((workers.in_flight, workers.waiting), (1, 0))
        self.release.set()
        self.assertTrue(await first)

    async def test_thread_that_is_there(self) -> None:
        """A call for which the kernel starts no thread is made in one that becomes free."""
        workers = self.start(2)
        first = workers(self.release.wait)
        self.addCleanup(threading.stack_size, threading.stack_size(MORE_THAN_THERE_IS))
        second = workers(divmod, 7, 2)
        self.release.set()
        self.assertEqual((await first, await second), (True, (3, 1)))

    async def test_no_more_threads(self) -> None:
        """Calls that go on in the threads that are there are no sign that the kernel starts others again."""
        workers = self.start(3)
        await workers(int)
        self.addCleanup(threading.stack_size, threading.stack_size(MORE_THAN_THERE_IS))
        with capturedLogs() as logged:
            for _ in range(3):
                await gatherResults([workers(int), workers(int), workers(int)])
        self.assertEqual(len([event for event in logged if "can be started" in formatEvent(event)]), 1)

    def test_no_thread_left_and_stopped(self) -> None:
        """While there is none the trouble says what to do, in the log once; a stop ends the attempts."""
        clock = LoopClock()
        workers = Workers(name="test", size=1, reactor=clock, grace=0)
        workers.startService()
        self.addCleanup(threading.stack_size, threading.stack_size(MORE_THAN_THERE_IS))
        with capturedLogs() as logged:
            refused = workers(int)
            for _ in range(3):
                clock.advance(RETRY)
        self.assertIn("no thread can be started, and 1 test calls wait, the oldest for 3 s: raise", workers.trouble)
        self.assertEqual(
            list(map(formatEvent, logged)), ["no test thread can be started, calls wait: can't start new thread"]
        )
        workers.stopService()
        self.failureResultOf(refused, Stopped)
        self.assertEqual(clock.getDelayedCalls(), [])

    async def test_size(self) -> None:
        """As many calls as there are threads run side by side, and no more."""
        workers = self.start(2)
        both = threading.Barrier(2)
        await gatherResults([workers(both.wait), workers(both.wait)])
        blocked = [workers(self.release.wait) for _ in range(2)]
        third = workers(self.release.is_set)
        self.release.set()
        *_, released = await gatherResults([*blocked, third])
        self.assertTrue(released)

    async def test_share(self) -> None:
        """An owner whose calls hang keeps its share of the threads; the calls of others are made at once."""
        workers = self.start(size=4, share=2)
        hanging = [workers.of("slow")(self.release.wait) for _ in range(6)]
        for owner in ("other", "third"):
            self.assertEqual(await workers.of(owner)(divmod, 7, 2), (3, 1))
        self.assertEqual(await workers(divmod, 9, 2), (4, 1))
        self.assertEqual([call.called for call in hanging], [False] * 6)
        self.assertEqual(workers.trouble, "")
        self.release.set()
        self.assertEqual(await gatherResults(hanging), [True] * 6)

    async def test_turns(self) -> None:
        """Of many calls that wait, those of each owner are made in their order, and the owners take turns."""
        workers = self.start()
        made: list[str] = []
        first = workers(self.release.wait)
        calls: list[Any] = [workers.of(name[0])(made.append, name) for name in ("a1", "a2", "a3", "b1", "c1", "b2")]
        self.release.set()
        await gatherResults([first, *calls])
        self.assertEqual(made, ["a1", "b1", "c1", "a2", "b2", "a3"])

    async def test_withdrawn(self) -> None:
        """A call that nobody waits for any more is not made, and one that is under way is let go of."""
        workers = self.start()
        made: list[str] = []
        first, second = workers(self.release.wait), workers.of("a")(made.append, "second")
        third = workers.of("a")(made.append, "third")
        for call in (first, second):
            call.cancel()
            with self.assertRaises(CancelledError):
                await call
        self.release.set()
        await third
        self.assertEqual(made, ["third"])

    async def test_stop_waits(self) -> None:
        """A stop waits for the calls in flight, then ends the threads."""
        workers = Workers(name="ending", size=1, reactor=self.reactor, grace=60)
        workers.startService()
        call = workers(self.release.wait)
        stopped = workers.stopService()
        self.assertNoResult(stopped)
        self.release.set()
        await stopped
        self.assertTrue(await call)
        self.assertEqual([t for t in threading.enumerate() if "PoolThread-ending" in t.name], [])

    async def test_stop_with_calls_that_end_others(self) -> None:
        """A stop refuses all calls that wait, also where the end of one has its caller cancel the next one."""
        workers = Workers(name="ending", size=1, reactor=self.reactor, grace=60)
        workers.startService()
        workers(self.release.wait)
        first, second, third = workers(int), workers(int), workers(int)
        first.addErrback(lambda failure: second.cancel())
        stopped = workers.stopService()
        self.failureResultOf(second, CancelledError)
        self.failureResultOf(third, Stopped)
        self.release.set()
        await stopped

    async def test_settled(self) -> None:
        """Several pools are given their time at once, before anything else stops; their own stops wait no more."""
        pools = [Workers(name="a", size=1, reactor=self.reactor, grace=0.05), self.start(), self.start()]
        pools[0].startService()
        for pool in pools[:2]:
            pool(self.release.wait)
        settling = Settling(pools)
        settling.startService()
        await settling.stopService()
        self.assertEqual([pool.in_flight for pool in pools], [1, 1, 0])
        self.assertEqual(await pools[2](int), 0)
        self.successResultOf(pools[0].stopService())
        self.release.set()

    async def test_no_time(self) -> None:
        """A pool whose calls may break off is stopped at once, without a complaint."""
        workers = Workers(name="test", size=1, reactor=self.reactor, grace=0)
        workers.startService()
        workers(self.release.wait)
        lines = LogLines(self)
        await workers.stopService()
        self.assertEqual(lines(), [])
        self.release.set()


class StoppedTests(SynchronousTestCase):
    """A pool that does not run."""

    def test_not_started(self) -> None:
        """A pool that was not started refuses calls, instead of losing them."""
        workers = Workers(name="test", size=1, reactor=Clock())
        self.failureResultOf(workers(int), Stopped)

    def test_stopped(self) -> None:
        """A stopped pool refuses calls."""
        workers = Workers(name="test", size=1, reactor=Clock())
        workers.startService()
        self.successResultOf(workers.stopService())
        self.assertIn("test", str(self.failureResultOf(workers(int), Stopped).value))

    def test_waiting_at_the_stop(self) -> None:
        """A call that waits when the pool stops is refused, and never made."""
        workers = Workers(name="test", size=1, reactor=LoopClock(), grace=0)
        workers.startService()
        release = threading.Event()
        workers(release.wait)
        waiting = workers(int)
        workers.stopService()
        self.failureResultOf(waiting, Stopped)
        release.set()

    def test_trouble(self) -> None:
        """A pool without a free thread says so once a call has waited for some seconds."""
        clock = LoopClock()
        workers = Workers(name="test", size=1, reactor=clock, grace=0)
        workers.startService()
        release = threading.Event()
        workers(release.wait)
        clock.advance(LONG_WAIT)
        self.assertEqual(workers.trouble, "")
        workers.of("a")(int).addErrback(lambda failure: failure.trap(Stopped))
        clock.advance(LONG_WAIT)
        self.assertEqual(workers.trouble, "all 1 test threads are busy: 1 calls wait, the oldest for 3 s")
        workers.stopService()
        release.set()

    def test_blocked_thread(self) -> None:
        """A thread that never ends holds up the stop no longer than its grace, and the exit not at all."""
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        done = subprocess.run(
            [sys.executable, "-c", BLOCKED_EXIT],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            timeout=60,
        )
        self.assertEqual((done.returncode, done.stdout), (0, "ended\n"))
