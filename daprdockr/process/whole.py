"""A file for whoever comes after a crash: written whole or not at all. Blocking."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, content: bytes | Iterable[bytes], synced: bool) -> None:
    """
    Write a draft beside ``path`` and rename it, so that a reader meets the old content or the new.

    Only its owner can read the file: it may hold the environment of containers. The draft is always a new file, so a
    link that somebody planted under its name is removed, not followed.

    :param content: all of it, or its parts one by one.
    :param synced: whether the new one stands even if the power goes. A rename survives that once the directory is
        synced (rename(2), fsync(2)), and the disk may need some time for both.
    :raises OSError: nothing was replaced, and no draft is left to fill the disk.
    """
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.writelines((content,) if isinstance(content, bytes) else content)
            if synced:
                file.flush()
                os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    if synced:
        _sync(path.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
