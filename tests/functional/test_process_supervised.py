"""Supervised processes with real processes: sessions, adoption, orphans."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from daprdockr.process.supervised import SupervisedProcess
from tests.build.processes import supervised

MASTER = """
import os, signal, sys, time
if "--deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "--worker" in sys.argv and os.fork() == 0:
    time.sleep(600)
print("ready", os.getpid(), flush=True)
time.sleep(600)
"""


def session_of(pid: int) -> list[int]:
    """The pids in the session that ``pid`` leads."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if os.getsid(int(name)) == pid:
                found.append(int(name))
        except ProcessLookupError:
            continue
    return found


async def until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait for what gives no event; fails after ``seconds``."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        await deferLater(reactor, 0.02)
    raise AssertionError(f"did not come true within {seconds} s: {condition}")


class SupervisedProcessTests(TestCase):
    """``SupervisedProcess`` on the real reactor."""

    def setUp(self) -> None:
        self.place = Path(self.mktemp()).absolute()
        self.place.mkdir()
        self.output = self.place / "out.log"

    def supervise(self, *flags: str, **changes: Any) -> SupervisedProcess:
        settings: dict[str, Any] = {
            "name": "master",
            "argv": [sys.executable, "-c", MASTER, str(self.place), *flags],
            "identity": str(self.place),
            "pidfile": self.place / "pid.json",
            "reactor": reactor,
            "environment": {"PATH": os.environ["PATH"]},
            "output": self.output,
            "grace": 5.0,
        }
        return supervised(**(settings | changes))

    async def ready(self, count: int = 1) -> None:
        """``count`` masters said so; each is then in its session and past the handling of its flags."""
        await until(lambda: self.output.exists() and self.output.read_text().count("ready") >= count)

    async def test_session_and_stop(self) -> None:
        """The process leads a session of its own, and is gone when the stop says so."""
        master = self.supervise()
        master.startService()
        await self.ready()
        pid = master.pid
        assert pid is not None
        self.assertEqual(os.getsid(pid), pid)
        await master.stopService()  # type: ignore[misc]  # it runs, so there is a Deferred
        self.assertRaises(ProcessLookupError, os.kill, pid, 0)

    async def test_deaf_group_is_killed(self) -> None:
        """A master that ignores its stop signal, and its worker, are killed after the grace."""
        master = self.supervise("--deaf", "--worker", grace=0.1)
        master.startService()
        await self.ready()
        pid = master.pid
        assert pid is not None
        self.assertEqual(len(session_of(pid)), 2)
        await master.stopService()  # type: ignore[misc]  # it runs, so there is a Deferred
        await until(lambda: not session_of(pid))

    async def test_killed_master(self) -> None:
        """A killed master is seen although its worker holds the pipes; the worker goes, a new master comes."""
        told: list[str] = []
        ended: Deferred[str] = Deferred()
        master = self.supervise("--worker", output=None, on_output=told.append, on_exit=ended.callback)
        master.startService()
        self.addCleanup(master.stopService)
        await until(lambda: told)
        first = master.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        self.assertEqual(await ended, "killed by SIGKILL")
        await until(lambda: not session_of(first))
        await until(lambda: len(told) == 2)
        self.assertNotEqual(master.pid, first)

    async def test_adoption(self) -> None:
        """A process that was left running is adopted by the next agent, which sees its end and can stop it."""
        first = self.supervise(leave_running=True)
        first.startService()
        await self.ready()
        pid = first.pid
        assert pid is not None
        first.stopService()

        second = self.supervise()
        second.startService()
        self.assertEqual(second.pid, pid)
        os.kill(pid, signal.SIGKILL)
        await self.ready(2)
        self.assertNotEqual(second.pid, pid)
        await second.stopService()  # type: ignore[misc]  # it runs, so there is a Deferred

    async def test_adopted_is_stopped(self) -> None:
        """The stop of an adopted process asks and waits as that of an own one."""
        first = self.supervise(leave_running=True)
        first.startService()
        await self.ready()
        pid = first.pid
        assert pid is not None
        first.stopService()
        second = self.supervise()
        second.startService()
        await second.stopService()  # type: ignore[misc]  # it runs, so there is a Deferred
        await until(lambda: not session_of(pid))

    async def test_orphans(self) -> None:
        """A worker whose master died while no agent lived is killed by the next start."""
        first = self.supervise("--worker", leave_running=True)
        first.startService()
        await self.ready()
        pid = first.pid
        assert pid is not None
        first.stopService()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: len(session_of(pid)) == 1)
        # Only when it is reaped may a session count as without its leader.
        await until(lambda: not Path(f"/proc/{pid}").exists())

        second = self.supervise("--worker")
        second.startService()
        await until(lambda: not session_of(pid))
        await self.ready(2)
        await second.stopService()  # type: ignore[misc]  # it runs, so there is a Deferred
