# -*- test-case-name: tests.unit.guard.test_program -*-
"""The time that agent and guard share: seconds of CLOCK_BOOTTIME (clock_gettime(2)), and the boot they count from."""

from __future__ import annotations

import time
from pathlib import Path


def boottime() -> float:
    """Return the seconds since the boot, including those during which the machine was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id(root: Path = Path("/proc")) -> str:
    """Return the id of this boot, which differs after each boot (random(4))."""
    return (root / "sys/kernel/random/boot_id").read_text("ascii").strip()
