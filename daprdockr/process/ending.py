"""The end of a process that an agent left running, by its record on disk, from another process than the agent's."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

from daprdockr.process.pidfile import PidFile
from daprdockr.process.table import ProcessTable


def end_recorded(path: Path, grace: float, number: int = signal.SIGTERM, table: ProcessTable | None = None) -> bool:
    """
    Ask the process that is recorded at ``path`` to end, and kill it after ``grace`` seconds, with its group; return
    whether there was one. Blocking. See Note [Adoption] in ``recorded`` for why the pidfd comes first.

    :param number: the signal that asks it.
    """
    table = table or ProcessTable()
    record = PidFile(path).read()
    if record is None:
        return False
    try:
        descriptor = table.open(record.pid)
    except OSError:
        return False
    try:
        if table.identify(record.pid) != record:
            return False
        signal.pidfd_send_signal(descriptor, number)
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        if not waiting.poll(grace * 1000):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            waiting.poll(grace * 1000)
    except ProcessLookupError:
        return True
    finally:
        os.close(descriptor)
    table.kill_group(record.pid)
    return True
