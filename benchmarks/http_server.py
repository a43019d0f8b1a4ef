"""
A program on one processor core, with the processes that it starts, and the time that they take of it.

The processes that it starts inherit the core. All of it ends with this process, however that ends.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from benchmarks.dns_process import PAGE, processor_time
from benchmarks.http_contestants import Plan
from benchmarks.pinned import PinnedServer, tree


class Server(PinnedServer):
    """A proxy, or what answers behind it; its directory is emptied at first."""

    def __init__(self, plan: Plan, directory: Path, core: int) -> None:
        super().__init__(plan, directory, core)
        self._plan = plan

    def __enter__(self) -> Self:
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir(parents=True)
        self._directory.chmod(0o755)
        return super().__enter__()

    def _environment(self) -> Mapping[str, str]:
        return self._plan.environment


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
