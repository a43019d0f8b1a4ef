"""
Dumps of crashed processes: they show no memory of ours, because that may hold secrets and keys.

A limit on the size of cores would not do, because the kernel ignores it where it hands them to a program. The filter
for what is dumped counts there too, and the programs that a process starts inherit it.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

FILTER = Path("/proc/self/coredump_filter")


def keep_memory_out_of_cores(path: Path = FILTER) -> None:
    """Have this process, and all that it starts from now on, be dumped without memory; a no-op without ``/proc``."""
    with contextlib.suppress(OSError):
        path.write_text("0\n", encoding="ascii")
