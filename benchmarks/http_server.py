"""
A program on one processor core, with the processes that it starts, and the time that they take of it.

The processes that it starts inherit the core. All of it ends with this process, however that ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from benchmarks.clock import BenchFailed
from benchmarks.dns_process import PAGE, pinned, processor_time
from benchmarks.http_contestants import Plan

READY = 30.0
STOPPED = 10.0
LOOK = 0.05


class Server:
    """
    ``with Server(plan, directory, core)``: started, and in the end stopped.

    :param directory: the program's own, which is emptied at first.
    """

    def __init__(self, plan: Plan, directory: Path, core: int) -> None:
        self._plan = plan
        self._directory = directory
        self._core = core
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir(parents=True)
        self._directory.chmod(0o755)
        for name, text in self._plan.files.items():
            (self._directory / name).write_text(text, encoding="ascii")
        with (self._directory / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [*pinned(self._core), *self._plan.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | dict(self._plan.environment),
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        all_of_it = list(tree(self.pid))
        self._running.terminate()
        try:
            self._running.wait(STOPPED)
        except subprocess.TimeoutExpired:
            for pid in all_of_it:
                os.kill(pid, signal.SIGKILL)
            self._running.wait()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    @property
    def pid(self) -> int:
        return self._running.pid

    def wait_ready(self, answers: Callable[[], bool]) -> None:
        """:raises BenchFailed: with its last words, if it does not answer."""
        deadline = time.monotonic() + READY
        while not answers():
            if self._running.poll() is not None or time.monotonic() > deadline:
                said = (self._directory / "output").read_text(errors="replace").strip()[-400:] or "it says nothing"
                raise BenchFailed(f"{self._plan.command[0]} does not answer: {said}")
            time.sleep(LOOK)


def tree(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            yield from tree(child)


def taken(pid: int) -> float:
    """Seconds of processor time that a process and its descendants have taken so far."""
    return sum(processor_time(Path(f"/proc/{one}/stat").read_text()) for one in tree(pid))


def resident(pid: int) -> int:
    """Octets of memory of a process and its descendants that are in use (RSS)."""
    return sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in tree(pid)) * PAGE


def bind(pid: int, core: int) -> None:
    """Have all threads of a process, and of its descendants, run on one core."""
    for one in tree(pid):
        for thread in Path(f"/proc/{one}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})
