# -*- test-case-name: tests.unit.guard.test_program -*-
"""
The guard as a program: ``python -m daprdockr.guard STATE_DIR``. Started, adopted and restarted by the agent.

TERM ends it, but only while it has nothing to guard: when a machine is shut down every process gets that signal, and
containers that are slow to end must not outlive their guard.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from daprdockr.guard.clock import boot_id, boottime
from daprdockr.guard.disk import ORDERS, Disk
from daprdockr.guard.memory import SharedMemory
from daprdockr.guard.presence import announce
from daprdockr.guard.priority import come_first
from daprdockr.guard.processes import Processes
from daprdockr.guard.watch import POLL, Guard


def main(state_dir: Path) -> None:
    told_to_end = False

    def end(number: int, frame: object) -> None:
        nonlocal told_to_end
        told_to_end = True

    signal.signal(signal.SIGTERM, end)
    come_first()
    disk = Disk(state_dir / ORDERS)
    disk.start()
    # An agent that hands none on, because it is older, finds none; the next one finds that which is made here.
    memory = SharedMemory.of("self") or SharedMemory.create()
    guard = Guard(
        read=disk.read,
        memory=memory.read,
        processes=Processes(),
        clock=boottime,
        boot=boot_id(),
        report=disk.report,
    )
    pause = poll(guard, disk)
    announce()
    while guard.orders.containers or not told_to_end:
        time.sleep(pause)
        pause = poll(guard, disk)


def poll(guard: Guard, disk: Disk) -> float:
    """Run one pass whatever goes wrong in it, because nobody watches the guard. Return the seconds until the next."""
    try:
        return guard.poll()
    except Exception as error:
        disk.report(f"a pass failed: {error!r}")
        return POLL


if __name__ == "__main__":
    main(Path(sys.argv[1]))
