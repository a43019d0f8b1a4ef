"""Atomic file replacement: write a draft, rename it, and sync it if asked to. Blocking."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path


def replace_file(path: Path, content: bytes | Iterable[bytes], synced: bool, draft: Path | None = None) -> None:
    """
    Write a draft beside ``path`` and rename it, so that a reader finds the old content or the new.

    Only its owner can read the file: it may hold the environment of containers. The draft is always a new file, so a
    link planted under its name is removed, not followed.

    :param content: all of it, or its parts one by one.
    :param synced: whether the new content survives a power failure. A rename does once the directory is synced
        (rename(2), fsync(2)), and the disk may need some time for both.
    :param draft: another name for it, in the same directory.
    :raises OSError: nothing was replaced, and no draft is left to fill the disk; the same with an error of ``content``.
    """
    draft = draft or path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.writelines((content,) if isinstance(content, bytes) else content)
            if synced:
                file.flush()
                os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    if synced:
        _sync(path.parent)


def overwrite(path: Path, content: bytes) -> None:
    """
    Write into an existing file that is long enough, and pad with blanks: for a disk that has no room for another file.
    A reader may find a mixture of old and new.

    :raises OSError: it does not exist, or is too short; or the file system copies on writing, and has no room for that.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        if size < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.pwrite(descriptor, content.ljust(size), 0)
    finally:
        os.close(descriptor)


def is_full(error: OSError) -> bool:
    """Return whether a write failed because the disk is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
