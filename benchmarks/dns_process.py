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
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from benchmarks.clock import BenchFailed
from benchmarks.dns_contestants import Plan

READY = 30.0
"""Seconds that a server is given until it answers."""

STOPPED = 10.0
LOOK = 0.05
TICK = 1 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
OUTPUT = "output"


class Server:
    """
    ``with Server(plan, directory, core)``: started, and in the end stopped.

    :param directory: empty, and the server's own.
    """

    def __init__(self, plan: Plan, directory: Path, core: int) -> None:
        self._plan = plan
        self._directory = directory
        self._core = core
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        for name, text in self._plan.files.items():
            (self._directory / name).write_text(text, encoding="ascii")
        with (self._directory / OUTPUT).open("wb") as output:
            self._process = subprocess.Popen(
                [*pinned(self._core), *self._command()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self

    def _command(self) -> list[str]:
        """See Note [Copied programs]."""
        program, *words = self._plan.command
        if program == sys.executable:
            return [program, *words]
        found = shutil.which(program)
        if found is None:
            raise BenchFailed(f"{program} is not installed: run scripts/install-packages bench")
        return [shutil.copy2(found, str(self._directory)), *words]

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._running
        process.terminate()
        try:
            process.wait(STOPPED)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    def wait_ready(self, answers: Callable[[], bool]) -> None:
        """
        Until it answers; then bind its threads, see Note [One core].

        :raises BenchFailed: with its last words, if it does not.
        """
        deadline = time.monotonic() + READY
        while not answers():
            if self._running.poll() is not None or time.monotonic() > deadline:
                said = self.said().strip()[-400:] or "it says nothing"
                raise BenchFailed(f"{self._plan.command[0]} does not answer: {said}")
            time.sleep(LOOK)
        for thread in self._threads():
            os.sched_setaffinity(thread, {self._core})

    def said(self) -> str:
        """Its output and its log."""
        return (self._directory / OUTPUT).read_text(errors="replace")

    def signal(self, number: int) -> None:
        self._running.send_signal(number)

    def check_core(self) -> None:
        """:raises BenchFailed: if one of its threads may run elsewhere."""
        if any(os.sched_getaffinity(thread) != {self._core} for thread in self._threads()):
            raise BenchFailed(f"{self._plan.command[0]} has left core {self._core}")

    def _threads(self) -> list[int]:
        return [int(entry.name) for entry in Path(f"/proc/{self._running.pid}/task").iterdir()]

    def processor_time(self) -> float:
        """Seconds of all its threads, in its own code and in the kernel for it, so far."""
        return processor_time(Path(f"/proc/{self._running.pid}/stat").read_text())

    def resident(self) -> int:
        """Octets of its memory that are in use (RSS)."""
        return int(Path(f"/proc/{self._running.pid}/statm").read_text().split()[1]) * PAGE


def pinned(core: int) -> list[str]:
    """The words before a command that make it run on one core, and end when this process is killed."""
    return ["setpriv", "--pdeathsig", "KILL", "taskset", "--cpu-list", str(core)]


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
