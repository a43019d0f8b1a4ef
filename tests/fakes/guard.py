"""A guard beside an agent in memory: its process, and the processes of the containers it looks for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred, succeed

from daprdockr.agent.guarding.guard_memory import GuardMemory
from daprdockr.agent.guarding.guard_process import GuardProcess
from daprdockr.agent.statedir import StateDir
from daprdockr.guard.disk import LONGEST, ORDERS
from daprdockr.guard.processes import Processes
from daprdockr.guard.regular import NotUsable, read_regular
from daprdockr.runtime.pool import Run
from tests.fakes.engine import MemoryEngine
from tests.fakes.run import run_at_once


def orders_on_disk(state: StateDir) -> bytes | None:
    """Return the orders as the guard reads them, in whatever state they are; None: none."""
    try:
        return read_regular(state.path / ORDERS, LONGEST).rstrip(b" ")
    except (OSError, NotUsable):
        return None


@define
class StandingProcess:
    """In the place of the ``SupervisedProcess`` of a guard: it stands from start to end, unless a test says so."""

    running: bool = False
    leave_running: bool = True
    ended: bool = False
    on_guard: bool = True
    starts: int = 0

    @property
    def pid(self) -> int | None:
        return 4711 if self.running else None

    def startService(self) -> None:
        self.running, self.ended = True, False
        self.starts += 1

    def stopService(self) -> Deferred[None]:
        self.running, self.ended = False, not self.leave_running
        return succeed(None)

    def is_on_guard(self, pid: int) -> bool:
        return self.on_guard


class HostMemory(GuardMemory):
    """The memory that agent and guard of one host share, without a process. ``reached``: the guard is up."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = True

    def join(self, pid: int) -> None:
        pass

    def read(self) -> bytes | None:
        return super().read() if self.reached else None

    def write(self, orders: bytes, pid: int | None) -> bool:
        return self.reached and super().write(orders, None)


class MemoryProcesses(Processes):
    """
    The containers of an Engine in memory, each with one process that ends at any signal; ``hidden`` are containers
    that cannot be seen, ``refused`` says that none can be signalled, ``error`` is what the kernel says to each attempt,
    ``signals`` keeps which process got which, and ``before_look`` is called just before the processes are read.
    """

    def __init__(self, engine: MemoryEngine) -> None:
        super().__init__(Path(os.devnull))
        self.hidden = False
        self.refused = False
        self.error = 0
        self.before_look: Callable[[], None] = lambda: None
        self.signals: list[tuple[str, int]] = []
        self._engine = engine

    def of(self, containers: Collection[str]) -> dict[str, list[int]]:
        self.before_look()
        running = {state.id for state in self._engine.states if state.running}
        return (
            {} if self.hidden else {container: [int(container, 16)] for container in running.intersection(containers)}
        )

    def first_of(self, pids: Collection[int]) -> list[int]:
        return list(pids)

    def signal(self, pid: int, container: str, number: int) -> bool:
        if self.refused:
            raise PermissionError("not permitted")
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        if number:
            self.signals.append((container, number))
            self._engine.crash(container, 128 + number, oom_killed=False)
        return True


def memory_guard(
    reactor: Any,
    state: StateDir,
    process: StandingProcess,
    processes: MemoryProcesses,
    run: Run = run_at_once,
    memory: HostMemory | None = None,
) -> GuardProcess:
    """The agent's end of a guard whose process and containers are in memory."""
    return GuardProcess(
        reactor=reactor,
        run=run,
        state=state,
        process=process,  # type: ignore[arg-type]  # as much of a SupervisedProcess as is asked for
        is_on_guard=process.is_on_guard,
        processes=processes,
        memory=memory,
    )


TERM, KILL = int(signal.SIGTERM), int(signal.SIGKILL)
