"""
Files that an agent finds on the disk when it starts, read with suspicion: they come from an earlier agent, or a disk
that failed, or somebody who wants root to follow a link. Blocking.

Note [Set aside]
    A file under a name of ours that cannot be used is renamed to ``<name>.unreadable``, replacing an older one, and
    reported in one line. So an agent always starts, the same line is not repeated at each start, the content can be
    examined, and the next write finds no pipe, no link and no directory in its way.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from twisted.logger import Logger

from daprdockr.guard.regular import NotUsable, read_regular, unlike_ours
from daprdockr.model.errors import BadInput
from daprdockr.process.atomic import replace_file

T = TypeVar("T")

SUFFIX = ".unreadable"

_LONGEST_COPY = 256 * 1024 * 1024

_log = Logger()


def read_kept(path: Path, limit: int, decode: Callable[[bytes], T]) -> T | None:
    """
    Return the file as ``decode`` reads it; None when there is none, or none that can be used. See Note [Set aside].

    :param limit: the most bytes that are read.
    :param decode: raises ValueError or BadInput for content that it did not write.
    """
    try:
        content = read_regular(path, limit)
        if content and content.count(0) == len(content):
            raise BadInput("it has nothing but zeros, as after a power failure")
        return decode(content)
    except FileNotFoundError:
        return None
    except OSError as error:
        _log.warn("{path} cannot be read and counts as not there: {reason}", path=str(path), reason=error.strerror)
    except (ValueError, BadInput) as error:
        set_aside(path, str(error))
    return None


def set_aside(path: Path, reason: str) -> None:
    """See Note [Set aside]. Never raises: a file that cannot be moved is reported too."""
    aside = path.with_name(path.name + SUFFIX)
    try:
        _clear(aside)
        os.replace(path, aside)
    except OSError as error:
        text = "{path} cannot be used ({reason}) and cannot be set aside ({hindrance}): remove it"
        _log.warn(text, path=str(path), reason=reason, hindrance=error.strerror)
    else:
        text = "{path} cannot be used and was set aside as {name}: {reason}"
        _log.warn(text, path=str(path), name=aside.name, reason=reason)


def _clear(aside: Path) -> None:
    """
    Remove an older file that was set aside; a directory that is not empty stays, because somebody may miss its content.
    """
    try:
        aside.unlink(missing_ok=True)
    except OSError:
        aside.rmdir()


def private_directory(path: Path) -> None:
    """
    Create it if it does not exist, and restrict it to its owner. Anything else than a directory of ours is set aside.

    :raises OSError: it cannot be created.
    """
    tidy(path)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def tidy(directory: Path) -> None:
    """
    Close a directory of ours, and the files in it, to everybody else, and set aside what no program of ours puts there:
    links, pipes, devices, files of another user, and a directory under the name of a file. (The names of our
    directories have no dot; those and sockets are left as they are.)

    A no-op when it does not exist. :raises OSError: a mode cannot be changed.
    """
    try:
        status = directory.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        set_aside(directory, "it is no directory" if status.st_uid == os.geteuid() else f"it is user {status.st_uid}'s")
        return
    set_mode(directory, 0o700)
    for path in directory.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process or thread has removed or renamed it meanwhile
            mode = path.lstat().st_mode
            expected = stat.S_ISSOCK(mode) or (stat.S_ISDIR(mode) and not path.suffix)
            if not expected and path.suffix != SUFFIX:
                tidy_file(path)


def tidy_file(path: Path) -> None:
    """
    As ``tidy``, for one file. A file that has another name as well (somebody planted it, or a backup holds on to it) is
    replaced by a copy, so that neither mode nor content of the other changes.

    :raises OSError: there is none, or its mode cannot be changed.
    """
    status = path.lstat()
    foreign = unlike_ours(status)
    if foreign:
        set_aside(path, foreign)
    elif status.st_nlink > 1:
        _copy(path)
    else:
        set_mode(path, status.st_mode & 0o700)


def set_mode(path: Path, mode: int) -> None:
    """
    Set the permissions; a no-op if they are as they should be, so that a read-only disk is no hindrance.

    :raises OSError: they cannot be set.
    """
    if stat.S_IMODE(path.stat().st_mode) != mode:
        path.chmod(mode)


def _copy(path: Path) -> None:
    try:
        replace_file(path, read_regular(path, _LONGEST_COPY), synced=False)
    except (OSError, NotUsable) as error:
        set_aside(path, f"it has a second name, and no copy could be made: {error}")
