"""Threads for blocking calls: where calls run, what a stopped pool refuses, and that a blocked thread blocks nobody."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.task import Clock
from twisted.python.threadable import isInIOThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from daprdockr.agent.workers import Stopped, Workers
from tests.unit.sources import CHECKOUT

BLOCKED_EXIT = """
import threading
from twisted.internet import reactor
from daprdockr.agent.workers import Workers

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


class WorkersTests(TestCase):
    """Real threads."""

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.release = threading.Event()
        self.addCleanup(self.release.set)

    def start(self, size: int = 1) -> Workers:
        workers = Workers(name="test", size=size, reactor=self.reactor, grace=0.05)
        workers.startService()
        self.addCleanup(workers.stopService)
        return workers

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
        """What the call raised is raised to who asked."""
        with self.assertRaises(ZeroDivisionError):
            await self.start()(divmod, 1, 0)

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

    async def test_stop_waits(self) -> None:
        """A stop waits for the calls in flight, then ends the threads."""
        workers = Workers(name="test", size=1, reactor=self.reactor, grace=60)
        workers.startService()
        call = workers(self.release.wait)
        stopped = workers.stopService()
        self.assertNoResult(stopped)
        self.release.set()
        await stopped
        self.assertTrue(await call)
        self.assertEqual([t for t in threading.enumerate() if "PoolThread-test" in t.name], [])


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
