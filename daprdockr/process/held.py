"""Whether an agent holds a state directory, asked by another process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

LOCK = "lock"
"""The file in a state directory that its agent keeps locked."""


def is_held(state: Path) -> bool:
    """Return whether an agent runs with this state directory. An agent that starts in this moment tries again."""
    try:
        descriptor = os.open(state / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
