"""
A server in a process of its own, on one processor core.

All of it ends with this process, however that ends. Its children inherit the core.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from benchmarks.clock import BenchFailed

READY = 30.0
"""Seconds that a server is given until it answers."""

STOPPED = 10.0
LOOK = 0.05
OUTPUT = "output"


class Started(Protocol):
    """How a server is started: the files that it needs in its directory, by name, and the command."""

    @property
    def files(self) -> Mapping[str, str]: ...

    @property
    def command(self) -> Sequence[str]: ...


class PinnedServer:
    """
    ``with PinnedServer(plan, directory, core)``: started, and in the end stopped.

    :param directory: empty, and the server's own.
    """

    def __init__(self, plan: Started, directory: Path, core: int) -> None:
        self._started = plan
        self._directory = directory
        self._core = core
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        for name, text in self._started.files.items():
            (self._directory / name).write_text(text, encoding="ascii")
        with (self._directory / OUTPUT).open("wb") as output:
            self._process = subprocess.Popen(
                [*pinned(self._core), *self._command()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | dict(self._environment()),
            )
        return self

    def _command(self) -> Sequence[str]:
        return self._started.command

    def _environment(self) -> Mapping[str, str]:
        """The variables of its environment beside ours."""
        return {}

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
                said = self.said().strip()[-400:] or "it says nothing"
                raise BenchFailed(f"{self._started.command[0]} does not answer: {said}")
            time.sleep(LOOK)

    def said(self) -> str:
        """Its output and its log."""
        return (self._directory / OUTPUT).read_text(errors="replace")


def pinned(core: int) -> list[str]:
    """The words before a command that make it run on one core, and end when this process is killed."""
    return ["setpriv", "--pdeathsig", "KILL", "taskset", "--cpu-list", str(core)]


def tree(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            yield from tree(child)


def ended(process: subprocess.Popen[bytes]) -> float:
    """The seconds of processor time that a process has taken when it has ended; it ends with us."""
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime
