# -*- test-case-name: tests.unit.guard.test_memory -*-
"""
The memory that agent and guard share: orders by a way that needs no disk.

Note [Orders without a disk]
    A disk that fails is remounted read-only, and then no file there can be replaced or overwritten. So the guard has a
    file in memory (memfd_create(2)) among its descriptors. Each agent finds it there (``/proc/<pid>/fd``), which only
    root and the guard's own user may open, and writes all orders to it before it writes them to the disk. The memory
    lasts as long as guard or agent has it open; a guard that the agent starts inherits the agent's, with the orders in
    it. The disk is for a guard that has neither. A length and a checksum stand in front of the orders, so a reader that
    comes in the middle of a write sees that, and keeps what it read before.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

NAME = "daprdockr-orders"
"""The name of the memory in the list of a process's descriptors."""

LONGEST = 16 * 1024 * 1024
"""The most bytes of orders."""

_LINK = f"/memfd:{NAME}"
_HEAD = struct.Struct(">QQI")  # how often it was written, bytes, checksum


class SharedMemory:
    """:param descriptor: of the file in memory; it is closed with this object."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._head = b""
        self._content: bytes | None = None

    @classmethod
    def create(cls) -> SharedMemory:
        """:raises OSError: there is no memory left."""
        return cls(os.memfd_create(NAME, os.MFD_CLOEXEC))

    @classmethod
    def of(cls, process: int | str, root: Path = Path("/proc")) -> SharedMemory | None:
        """Return that of a process, by its pid (or "self"); None: it has none that this user may open."""
        try:
            found = [path for path in (root / str(process) / "fd").iterdir() if _is_memory(path)]
            return cls(os.open(found[0], os.O_RDWR | os.O_CLOEXEC)) if found else None
        except OSError:
            return None

    def fileno(self) -> int:
        return self._descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)

    def read(self) -> bytes | None:
        """Return what was written last, or before that while it is being written; None: nothing yet."""
        head = os.pread(self._descriptor, _HEAD.size, 0)
        if head != self._head and len(head) == _HEAD.size:
            _, length, checksum = _HEAD.unpack(head)
            content = os.pread(self._descriptor, min(length, LONGEST), _HEAD.size)
            if len(content) == length and zlib.crc32(content) == checksum:
                self._head, self._content = head, content
        return self._content

    def write(self, content: bytes) -> None:
        """:raises OSError: there is no memory left."""
        head = os.pread(self._descriptor, _HEAD.size, 0)
        count = _HEAD.unpack(head)[0] if len(head) == _HEAD.size else 0
        os.pwrite(self._descriptor, content, _HEAD.size)
        # The head comes last: until then a reader keeps what the former one says.
        os.pwrite(self._descriptor, _HEAD.pack((count + 1) % 2**64, len(content), zlib.crc32(content)), 0)

    def is_that_of(self, pid: int, root: Path = Path("/proc")) -> bool:
        """Return whether a process has this very memory open."""
        own = os.fstat(self._descriptor)
        try:
            theirs = [path.stat() for path in (root / str(pid) / "fd").iterdir() if _is_memory(path)]
        except OSError:
            return False
        return any((one.st_dev, one.st_ino) == (own.st_dev, own.st_ino) for one in theirs)


def _is_memory(path: Path) -> bool:
    try:
        return os.readlink(path).startswith(_LINK)
    except OSError:  # closed meanwhile
        return False
