"""
A process that stands still: its connections stay, and nothing answers.

Note [When SIGSTOP has taken effect]
    ``kill(2)`` returns as soon as the signal is pending. Some thread of the process has to be scheduled to take it, and
    until then the others run on: a server may take a request and answer it after the call. ``suspend`` therefore
    returns only when each thread is reported stopped by the kernel.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.rig.engine import until

PATIENCE = 30.0

_STILL = frozenset("TtZX")
"""States in proc(5): stopped, stopped by a tracer, and ended."""


def suspend(pid: int) -> None:
    """
    Stop a process, and return when none of its threads runs any more: Note [When SIGSTOP has taken effect].

    :raises ProcessLookupError: there is no such process.
    :raises AssertionError: a thread still runs after half a minute.
    """
    os.kill(pid, signal.SIGSTOP)
    assert until(PATIENCE, lambda: _states(pid) <= _STILL), f"process {pid} runs on after SIGSTOP: {_states(pid)}"


def resume(pid: int) -> None:
    """Let it go on."""
    os.kill(pid, signal.SIGCONT)


def _states(pid: int) -> set[str]:
    """The states of its threads; none when it has ended."""
    found = set()
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        try:
            line = (thread / "stat").read_text()
        except OSError:
            continue  # the thread has ended since
        found.add(line.rpartition(")")[2].split()[0])
    return found
