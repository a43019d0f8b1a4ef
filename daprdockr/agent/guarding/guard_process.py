"""
The agent's handle on the guard: runs its process and writes its orders, into the memory that both share and into a
file, without knowing what they mean. See Note [Orders without a disk] in ``daprdockr.guard.memory``.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Collection
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.task import deferLater
from twisted.logger import Logger

from daprdockr.agent.guarding.guard_memory import GuardMemory
from daprdockr.agent.statedir import StateDir
from daprdockr.guard.orders import Orders
from daprdockr.guard.presence import is_on_guard
from daprdockr.guard.processes import Processes
from daprdockr.model.trouble import line
from daprdockr.model.troubles.host import GuardDown, OrdersUnwritten
from daprdockr.process.python import python_program
from daprdockr.process.supervised import Hooks, SupervisedProcess
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
UNSUPPORTED = "OnPartition stop cannot be kept here, as this kernel has no pidfd_open: Linux 5.3 or later has it"


class GuardProcess:
    """
    :param run: runs a call in a thread that nothing else uses, so that a disk that hangs holds up nothing else.
    :param process: the guard; it does not run before ``start``.
    :param is_on_guard: returns whether the process of this pid does its work.
    :param processes: containers as the guard sees them.
    :param memory: what it shares with the guard, unless there is no such memory.
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
        memory: GuardMemory | None = None,
    ) -> None:
        self._reactor = reactor
        self._run = run
        self._state = state
        self._process = process
        self._is_on_guard = is_on_guard
        self._processes = processes
        self._memory = memory
        self._shared = False
        self._wanted = self._written = b""
        self._waiting: list[Deferred[None]] = []
        self._writing = False
        self._unwritten: OrdersUnwritten | None = None
        self._logged = LoggedOnce(lambda unwritten: self.log.warn("{unwritten}", unwritten=unwritten))

    @property
    def condition(self) -> GuardDown | OrdersUnwritten | None:
        """Why it may not stop containers in time; None while it can be relied on."""
        if not self.stands:
            return GuardDown()
        return None if self._shared else self._unwritten

    @property
    def unwritten(self) -> str:
        """Why the latest orders are not on the disk; empty while they are."""
        return line(self._unwritten)

    @property
    def stands(self) -> bool:
        """Whether it runs and does its work."""
        return self._process.pid is not None and self._is_on_guard(self._process.pid)

    def resume(self, boot: str) -> Orders | None:
        """
        Return the orders of an earlier agent, and start; None: there never were any. Blocking, for one small file.
        """
        on_disk = self._state.former_orders(boot)
        if on_disk is None and not self._state.had_guard:
            return None
        self.start()
        known = [orders for orders in (on_disk, self._in_memory(boot)) if orders is not None]
        return max(known, key=_recency, default=Orders(boot, 0.0, {}))

    def _in_memory(self, boot: str) -> Orders | None:
        content = self._memory.read() if self._memory is not None else None
        try:
            return None if content is None else Orders.decode(content, boot)
        except ValueError:
            return None

    def start(self) -> None:
        """Adopt the guard of an earlier agent, or start one; a no-op when this was done."""
        if not self._process.running:
            self._process.startService()
            if self._memory is not None and self._process.pid is not None:
                self._memory.join(self._process.pid)

    def stop(self, leave_running: bool) -> Deferred[None] | None:
        """Let go of it, or end it."""
        self._process.leave_running = leave_running
        return self._process.stopService() if self._process.running else None

    def give(self, orders: bytes) -> None:
        """Write these orders, in place of others that still wait for the disk. ``unwritten`` reports a failure."""
        self._share(orders)
        self._keep(orders)

    def _share(self, orders: bytes) -> bool:
        """Write them into the memory; return whether the guard reads them there."""
        self._shared = self._memory is not None and self._memory.write(orders, self._process.pid)
        return self._shared

    def _keep(self, orders: bytes) -> None:
        self._wanted = orders
        if not self._writing:
            self._writing = True
            Deferred.fromCoroutine(self._write())

    async def given(self, orders: bytes) -> None:
        """
        As ``give``; return when the guard can read these or later ones. :raises OSError: it cannot, or not yet.
        """
        if self._share(orders):
            self._keep(orders)
            return
        done: Deferred[None] = Deferred()
        self._waiting = [*(waiting for waiting in self._waiting if not waiting.called), done]
        self._keep(orders)
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
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise
            return UNSUPPORTED


def _recency(orders: Orders) -> float:
    """Return a number that is larger for newer orders. An older agent, which ran last then, gives them no time."""
    return orders.written or (math.inf if orders.containers else 0.0)


def guard_process(state: StateDir, run: Run, reactor: Any, environment: dict[str, str]) -> GuardProcess:
    """Return the guard of this state directory, run by this Python; it goes on when its agent ends."""
    memory = GuardMemory()
    directory = state.path / "guard"
    guard = python_program(
        "the guard",
        "daprdockr.guard",
        state.path,
        pidfile=directory / "process.json",
        output=directory / "output.log",
        environment=environment,
    )
    hooks = Hooks(descriptors=memory.descriptors)
    process = SupervisedProcess(program=guard, reactor=reactor, leave_running=True, hooks=hooks)
    return GuardProcess(
        reactor=reactor,
        run=run,
        state=state,
        process=process,
        is_on_guard=is_on_guard,
        processes=Processes(),
        memory=memory,
    )
