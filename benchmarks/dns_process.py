"""
A name server in a process of its own, on one core, and what that process takes of it.

Note [One core]
    ``taskset`` says where a server starts, but Knot gives each of its threads a core by itself. So all threads of a
    server are bound once more when it answers, and none may have left when it has been measured.

Note [Copied programs]
    AppArmor, which Debian turns on, lets ``named`` and ``unbound`` read nothing but their own directories below
    ``/etc``. It knows programs by where they are, so each is started as a copy in the directory of its files.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.clock import BenchFailed
from benchmarks.pinned import PinnedServer

TICK = 1 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Server(PinnedServer):
    """A name server; its threads are bound to the core once more when it answers: see Note [One core]."""

    def _command(self) -> list[str]:
        """See Note [Copied programs]."""
        program, *words = super()._command()
        if program == sys.executable:
            return [program, *words]
        found = shutil.which(program)
        if found is None:
            raise BenchFailed(f"{program} is not installed: run scripts/install-packages bench")
        return [shutil.copy2(found, str(self._directory)), *words]

    def wait_ready(self, answers: Callable[[], bool]) -> None:
        super().wait_ready(answers)
        for thread in self._threads():
            os.sched_setaffinity(thread, {self._core})

    def signal(self, number: int) -> None:
        self._running.send_signal(number)

    def check_core(self) -> None:
        """:raises BenchFailed: if one of its threads may run elsewhere."""
        if any(os.sched_getaffinity(thread) != {self._core} for thread in self._threads()):
            raise BenchFailed(f"{self._started.command[0]} has left core {self._core}")

    def _threads(self) -> list[int]:
        return [int(entry.name) for entry in Path(f"/proc/{self._running.pid}/task").iterdir()]

    def processor_time(self) -> float:
        """Seconds of all its threads, in its own code and in the kernel for it, so far."""
        return processor_time(Path(f"/proc/{self._running.pid}/stat").read_text())

    def resident(self) -> int:
        """Octets of its memory that are in use (RSS)."""
        return int(Path(f"/proc/{self._running.pid}/statm").read_text().split()[1]) * PAGE


def processor_time(stat: str) -> float:
    """Seconds by a ``/proc/<pid>/stat`` (proc(5)); the name of the program, in brackets, may have blanks."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK


def machine_time() -> float:
    """Seconds of processor time that anything on this machine has taken so far."""
    return busy_time(Path("/proc/stat").read_text())


def busy_time(stat: str) -> float:
    """Seconds by a ``/proc/stat`` (proc(5)): all of the first line but idle, iowait, and what other machines stole."""
    user, nice, system, _idle, _iowait, irq, softirq = map(int, stat.split()[1:8])
    return (user + nice + system + irq + softirq) * TICK
