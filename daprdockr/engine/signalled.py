# -*- test-case-name: tests.unit.engine.test_signalled -*-
"""Signals to a command that the Engine runs in a container, which its API does not know. Blocking, but brief."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

KNOWN = {name: signal.Signals[f"SIG{name}"] for name in ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "KILL")}
"""The signals that are passed on, by name."""


def send_signal(execution: Mapping[str, Any], number: signal.Signals, proc: Path = Path("/proc")) -> bool:
    """
    Send a signal to the process of an execution; return whether it was there.

    :param execution: as the Engine describes it. Its process id is that of the Engine's host: where the process is not
        in the container's cgroup here, it is another one's, and is left alone.
    """
    process, container = int(execution.get("Pid") or 0), str(execution.get("ContainerID") or "")
    if not process or not container:
        return False
    with suppress(OSError):
        if container in (proc / str(process) / "cgroup").read_text():
            os.kill(process, number)
            return True
    return False
