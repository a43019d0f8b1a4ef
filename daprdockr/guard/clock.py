# -*- test-case-name: tests.functional.test_guard -*-
"""The time that agent and guard share: seconds of CLOCK_BOOTTIME (clock_gettime(2)), and the boot they count from."""

from __future__ import annotations

import time
from pathlib import Path


def boottime() -> float:
    """Seconds since the boot, those that the machine was suspended included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id(root: Path = Path("/proc")) -> str:
    """What is different after each boot (random(4))."""
    return (root / "sys/kernel/random/boot_id").read_text("ascii").strip()
