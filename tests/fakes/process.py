"""A reactor and a kernel in memory, as far as supervised processes ask them for something."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from daprdockr.process.table import ProcessTable, Record


@define
class MemoryProcess:
    """A spawned process, as its protocol's transport and as the test sees it."""

    reactor: ProcessReactor
    protocol: Any
    executable: str
    argv: list[str]
    environment: dict[str, str]
    descriptors: dict[int, int | str]
    pid: int
    signals: list[int] = field(factory=list)
    alive: bool = True

    def signalProcess(self, number: int) -> None:  # noqa: N802 - Twisted's name
        if not self.alive:
            raise ProcessExitedAlready()
        self.signals.append(number)

    def end(self, status: int = 0, by: int | None = None) -> None:
        """Let it end by itself, or by a signal."""
        self.alive = False
        self.reactor.table.records.pop(self.pid, None)
        reason = ProcessTerminated(status or None, by, 0) if status or by else ProcessDone(0)
        self.protocol.processExited(Failure(reason))
        self.protocol.processEnded(Failure(reason))


@define
class MemoryTable(ProcessTable):
    """
    The kernel's table: which records live, and which were killed. ``open`` hands out a real, harmless descriptor, or
    a pidfd if the processes are ``real``; ``unrecorded`` is the pid that ``find`` finds, ``words`` the command line of
    every process.
    """

    records: dict[int, Record] = field(factory=dict)
    unrecorded: int = 0
    words: tuple[str, ...] = ()
    real: bool = False
    fault: OSError | None = None
    """Why no process can be identified now."""
    left_behind: tuple[int, ...] = ()
    killed: list[int] = field(factory=list)
    groups_killed: list[int] = field(factory=list)
    opened: list[int] = field(factory=list)

    def identify(self, pid: int) -> Record | None:
        if self.fault is not None:
            raise self.fault
        return self.records.get(pid)

    def lives(self, record: Record, identity: str) -> bool:
        return self.records.get(record.pid) == record

    def find(self, identity: str, program: str) -> Record | None:
        return self.records.get(self.unrecorded)

    def has_any(self, pid: int, words: Collection[str]) -> bool:
        return bool(set(words).intersection(self.words))

    def orphans(self, record: Record, program: str) -> tuple[int, ...]:
        return self.left_behind

    def open(self, pid: int) -> int:
        if pid not in self.records:
            raise ProcessLookupError()
        self.opened.append(os.pidfd_open(pid) if self.real else os.open(os.devnull, os.O_RDONLY))
        return self.opened[-1]

    def kill(self, pid: int) -> None:
        self.killed.append(pid)

    def kill_group(self, pid: int) -> None:
        self.groups_killed.append(pid)


class ProcessReactor(Clock):
    """A clock that also spawns: each process is kept in ``processes`` with what it was started with."""

    def __init__(self) -> None:
        super().__init__()
        self.table = MemoryTable(root=Path("/nonexistent"))
        self.processes: list[MemoryProcess] = []
        self.readers: list[Any] = []
        self.refuse: OSError | None = None

    def spawnProcess(  # noqa: N802 - Twisted's name
        self,
        protocol: Any,
        executable: str,
        argv: list[str],
        env: dict[str, str],
        childFDs: Any,  # noqa: N803
    ) -> MemoryProcess:
        if self.refuse is not None:
            raise self.refuse
        pid = 1000 + len(self.processes)
        self.table.records[pid] = Record(pid=pid, started=pid * 7, boot="this-boot")
        process = MemoryProcess(self, protocol, executable, argv, env, dict(childFDs), pid)
        self.processes.append(process)
        protocol.makeConnection(process)
        return process

    def addReader(self, reader: Any) -> None:  # noqa: N802 - Twisted's name
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:  # noqa: N802 - Twisted's name
        self.readers.remove(reader)

    @property
    def living(self) -> list[MemoryProcess]:
        return [process for process in self.processes if process.alive]


KILL = int(signal.SIGKILL)
