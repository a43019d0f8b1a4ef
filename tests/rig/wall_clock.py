"""
A wall clock of one agent, which a test sets.

Note [Whose clock jumps]
    libfaketime stands before the agent's C library and shifts the wall clock that it reads; monotonic clocks and
    the times of files are left alone, as they are when somebody sets the clock of a machine. The processes that the
    agent starts get the shift too. The Docker Engine and etcd do not, for Go asks the kernel and no library: so here
    the agent's clock is also an hour away from theirs.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

LIBRARIES = Path("/usr/lib")


def library() -> str:
    """The preloaded part of libfaketime; "" without it."""
    return next(iter(map(str, sorted(LIBRARIES.glob("*/faketime/libfaketimeMT.so.1")))), "")


class Clock:
    """The wall clock of one agent: ahead of the real one by an offset that can be changed at any time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.ahead(timedelta())

    @property
    def environment(self) -> dict[str, str]:
        """See /usr/share/doc/libfaketime/README.gz."""
        return {
            "LD_PRELOAD": library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def ahead(self, offset: timedelta) -> None:
        """Whole at any moment, because the file is read whenever anybody asks what time it is."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{offset.total_seconds():+.0f}")
        fresh.replace(self._file)
