"""
The agent's handle on the guard: runs its process and writes its orders file, without knowing what they mean.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.task import deferLater
from twisted.logger import Logger

from daprdockr.agent.statedir import StateDir
from daprdockr.guard.orders import Orders
from daprdockr.guard.presence import is_on_guard
from daprdockr.guard.processes import Processes
from daprdockr.model.trouble import line
from daprdockr.model.troubles.host import GuardDown, OrdersUnwritten
from daprdockr.process.supervised import Program, SupervisedProcess
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.pool import Run

TIMEOUT = 5.0
"""Seconds that the guard is given to be on guard after its start, and to finish at the agent's exit."""

POLL = 0.02
"""Seconds between two polls meanwhile."""

UNSEEN = (
    "OnPartition stop cannot be kept here, as the processes of containers cannot be seen: run the agent on the "
    "Engine's host and in its PID namespace"
)
UNTOUCHED = "OnPartition stop cannot be kept here, as containers cannot be signalled: run the agent as root"


class GuardProcess:
    """
    :param run: runs a call in a thread that nothing else uses, so that a disk that hangs holds up nothing else.
    :param process: the guard; it does not run before ``start``.
    :param is_on_guard: returns whether the process of this pid does its work.
    :param processes: containers as the guard sees them.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: Any,
        run: Run,
        state: StateDir,
        process: SupervisedProcess,
        is_on_guard: Callable[[int], bool],
        processes: Processes,
    ) -> None:
        self._reactor = reactor
        self._run = run
        self._state = state
        self._process = process
        self._is_on_guard = is_on_guard
        self._processes = processes
        self._wanted = self._written = b""
        self._waiting: list[Deferred[None]] = []
        self._writing = False
        self._unwritten: OrdersUnwritten | None = None
        self._logged = LoggedOnce(lambda unwritten: self.log.warn("{unwritten}", unwritten=unwritten))

    @property
    def condition(self) -> GuardDown | OrdersUnwritten | None:
        """Why it may not stop containers in time; None while it can be relied on."""
        return self._unwritten if self.stands else GuardDown()

    @property
    def unwritten(self) -> str:
        """Why the latest orders are not written; empty while they are."""
        return line(self._unwritten)

    @property
    def stands(self) -> bool:
        """Whether it runs and does its work."""
        return self._process.pid is not None and self._is_on_guard(self._process.pid)

    def former_orders(self, boot: str) -> Orders | None:
        """
        Return the orders of an earlier agent; None: there were none, or they were lost. Blocking, for one small file.
        """
        orders = self._state.former_orders(boot)
        return Orders(boot, 0.0, {}) if orders is None and self._state.had_guard else orders

    def start(self) -> None:
        """Adopt the guard of an earlier agent, or start one; a no-op when this was done."""
        if not self._process.running:
            self._process.startService()

    def stop(self, leave_running: bool) -> Deferred[None] | None:
        """Let go of it, or end it."""
        self._process.leave_running = leave_running
        return self._process.stopService() if self._process.running else None

    def give(self, orders: bytes) -> None:
        """Write these orders, in place of others that still wait for the disk. ``unwritten`` reports a failure."""
        self._wanted = orders
        if not self._writing:
            self._writing = True
            Deferred.fromCoroutine(self._write())

    async def given(self, orders: bytes) -> None:
        """As ``give``; return when these or later ones are written. :raises OSError: they are not, or not yet."""
        done: Deferred[None] = Deferred()
        self._waiting = [*(waiting for waiting in self._waiting if not waiting.called), done]
        self.give(orders)
        try:
            await done.addTimeout(TIMEOUT, self._reactor)
        except DeferredTimeout:
            raise TimeoutError(f"the disk of the state directory took more than {TIMEOUT:g} s") from None

    async def _write(self) -> None:
        """Write one order file at a time. After a failure the next orders are the retry."""
        while self._waiting or self._written is not self._wanted:
            orders, (waiting, self._waiting) = self._wanted, (self._waiting, [])
            try:
                await self._run(self._state.write_guard, orders)
            except Exception as error:
                self._found(OrdersUnwritten(str(error)))
                for done in waiting:
                    done.errback(error)
                if not self._waiting:
                    break
            else:
                self._written = orders
                self._found(None)
                for done in waiting:
                    done.callback(None)
        self._writing = False

    def _found(self, unwritten: OrdersUnwritten | None) -> None:
        self._unwritten = unwritten
        self._logged.found(line(unwritten))

    async def is_ready(self) -> bool:
        """Wait until it is on guard, for at most ``TIMEOUT`` seconds; return whether it is."""
        deadline = self._reactor.seconds() + TIMEOUT
        while not self.stands:
            if self._reactor.seconds() >= deadline:
                return False
            await deferLater(self._reactor, POLL)
        return True

    async def all_gone(self, containers: Collection[str]) -> bool:
        """Wait up to ``TIMEOUT`` seconds for all of these containers to exit; return whether they did."""
        deadline = self._reactor.seconds() + TIMEOUT
        while await self._run(self._processes.of, containers):
            if self._reactor.seconds() >= deadline:
                return False
            await deferLater(self._reactor, POLL)
        return True

    def blindness(self, container: str) -> Deferred[str]:
        """Return why the guard could not stop this container, which runs; empty if it could."""
        return self._run(self._blindness, container)

    def _blindness(self, container: str) -> str:
        pids = self._processes.of([container]).get(container, ())
        try:
            return "" if any(self._processes.signal(pid, container, 0) for pid in pids) else UNSEEN
        except PermissionError:
            return UNTOUCHED


def guard_process(state: StateDir, run: Run, reactor: Any, environment: dict[str, str]) -> GuardProcess:
    """Return the guard of this state directory, run by this Python; it goes on when its agent ends."""
    guard = Program(
        name="the guard",
        # -P: files in the directory in which the agent was started must not be imported.
        argv=[sys.executable, "-P", "-m", "daprdockr.guard", str(state.path)],
        identity=f"daprdockr.guard {state.path}",
        pidfile=state.path / "guard" / "process.json",
        environment=environment,
        output=state.path / "guard" / "output.log",
    )
    process = SupervisedProcess(program=guard, reactor=reactor, leave_running=True)
    return GuardProcess(
        reactor=reactor, run=run, state=state, process=process, is_on_guard=is_on_guard, processes=Processes()
    )
