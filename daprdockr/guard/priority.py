# -*- test-case-name: tests.unit.guard.test_program -*-
"""
The priority of the guard over everything else on its machine: if a node falls silent because it has no memory or no
processor time left, its guard must still act in time.
"""

from __future__ import annotations

import ctypes
import os
import threading
from contextlib import suppress
from pathlib import Path

_STACK = 256 * 1024
"""Bytes of a thread's stack: all of it is locked in memory, and the usual 8 MiB would be most of the guard's size."""

_MCL_CURRENT, _MCL_FUTURE = 1, 2


def come_first() -> None:
    """
    Be the last process to be killed for lack of memory, run before ordinary processes, and never wait for the disk to
    bring a page back. To be called before there is another thread. A step that this user may not take is skipped.
    """
    threading.stack_size(_STACK)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("-1000", "ascii")
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    ctypes.CDLL(None).mlockall(_MCL_CURRENT | _MCL_FUTURE)
