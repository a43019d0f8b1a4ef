# -*- test-case-name: tests.unit.guard.test_disk -*-
"""
A file read with suspicion. A known name may lead to a damaged file, a link that somebody planted, or a pipe that blocks
any process that opens it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path


class NotUsable(ValueError):
    """Neither an agent nor a guard wrote what is there; the text says what it is."""


def read_regular(path: Path, limit: int) -> bytes:
    """
    Return the content of a file of ours that is no longer than ``limit`` bytes. No link is followed, and the call never
    blocks.

    :raises NotUsable: it is something else.
    :raises OSError: it does not exist, or the disk fails.
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
        # No more than its size: the guard's memory is locked, and a large buffer would be filled in each pass.
        return b"".join(_chunks(descriptor, status.st_size))
    finally:
        os.close(descriptor)


def unlike_ours(status: os.stat_result) -> str:
    """Return in what way something differs from a file that we wrote; "" if it does not."""
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
