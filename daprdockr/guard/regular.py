# -*- test-case-name: tests.unit.guard.test_disk -*-
"""
A file read with suspicion. What lies under a known name may be damaged, a link that somebody planted, or no file at all
but a pipe that would hold up whoever opens it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path


class NotUsable(ValueError):
    """What lies there is nothing that an agent or a guard wrote; the text says what it is."""


def read_regular(path: Path, limit: int) -> bytes:
    """
    The content of a file of ours that is no longer than ``limit`` bytes. No link is followed, nothing is waited for.

    :raises NotUsable: there is something else. :raises OSError: there is nothing, or the disk fails.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        foreign = _foreign(path)
        if foreign:
            raise NotUsable(foreign) from None
        raise error from None
    try:
        status = os.fstat(descriptor)
        foreign = unlike_ours(status)
        if foreign:
            raise NotUsable(foreign)
        if status.st_size > limit:
            raise NotUsable(f"it has {status.st_size} bytes: at most {limit} are read")
        # No more than there was: the guard's memory is locked, and a large buffer would be filled at each look.
        return b"".join(_chunks(descriptor, status.st_size))
    finally:
        os.close(descriptor)


def unlike_ours(status: os.stat_result) -> str:
    """In what way something differs from a file that we wrote; empty if in none."""
    if stat.S_ISLNK(status.st_mode):
        return "it is a link, and none is followed here"
    if not stat.S_ISREG(status.st_mode):
        return "it is no regular file"
    if status.st_uid not in (0, os.geteuid()):
        return f"it belongs to user {status.st_uid}"
    return ""


def _foreign(path: Path) -> str:
    """As ``unlike_ours``, for a path that could not be opened."""
    try:
        return unlike_ours(os.lstat(path))
    except OSError:
        return ""


def _chunks(descriptor: int, size: int) -> Iterator[bytes]:
    while size > 0 and (chunk := os.read(descriptor, size)):
        size -= len(chunk)
        yield chunk
