"""
Where a cluster keeps its files, and how what a killed owner left is known and removed.

The directory holds a lock for as long as anything of the cluster lives, so what can be locked is nobody's any more.
Machines end with their owner (Note [A machine hangs on a pipe]); files and cgroups are all that can be left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX = "daprdockr-cluster-"
CGROUPS = Path("/sys/fs/cgroup")


class Home:
    """A new directory, locked; made after those of dead owners were removed."""

    def __init__(self) -> None:
        _remove_leftovers()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR)
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    def cgroup(self, name: str) -> str:
        """The cgroup of the containers on one machine."""
        return f"{self.path.name}-{name}"

    def remove(self) -> None:
        _remove(self.path)
        os.close(self.lock)


def remove_cgroups(name: str) -> None:
    """Remove the cgroups of this name, in each hierarchy (version 1) or in the only one (version 2)."""
    for cgroup in [*CGROUPS.glob(name), *CGROUPS.glob(f"*/{name}")]:
        for directory in [*sorted(cgroup.rglob("*/"), reverse=True), cgroup]:
            with contextlib.suppress(OSError):
                directory.rmdir()


def _remove(path: Path) -> None:
    remove_cgroups(f"{path.name}-*")
    shutil.rmtree(path, ignore_errors=True)


def _remove_leftovers() -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with _locked(path / "lock") as is_nobodys:
            if is_nobodys:
                _remove(path)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Try to lock; without the file its owner is just about to make it."""
    try:
        lock = os.open(path, os.O_RDWR)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(lock)
