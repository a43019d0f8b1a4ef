"""
The access log of nginx, kept bounded: its file is copied to ``<name>.1`` and emptied when it has grown large.

nginx appends, so it goes on at the new beginning, and nobody needs to signal it: its workers may not be able to open
the file anew. Lines that it writes between the end of the copy and the emptying, a fraction of a millisecond, are lost.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.periodic import Periodic
from daprdockr.runtime.pool import Run

LARGE = 64 * 1024 * 1024
"""Bytes above which it is moved."""

INTERVAL = 5.0
"""Seconds between two checks of its size."""


def bound(path: Path, large: int = LARGE) -> bool:
    """
    Return whether the file was large, and was moved. Blocking.

    :raises OSError: it could not be copied; it is emptied nevertheless, because a full disk is worse than lost lines.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size <= large:
            return False
        try:
            _copy(descriptor, path.with_name(path.name + ".1"))
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)
    return True


def _copy(descriptor: int, path: Path) -> None:
    draft = path.with_name(path.name + ".draft")
    draft.unlink(missing_ok=True)
    try:
        copied = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        with open(descriptor, "rb", closefd=False) as log, open(copied, "wb") as copy:
            shutil.copyfileobj(log, copy, 1024 * 1024)
        os.replace(draft, path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


class AccessLog(Periodic):
    """A service that keeps the file bounded, while this agent runs."""

    log = Logger()

    def __init__(self, path: Path, *, reactor: IReactorTime, run: Run) -> None:
        super().__init__(reactor=reactor, interval=INTERVAL, failing="the access log is not kept bounded", at_once=True)
        self._path = path
        self._run = run
        self._logged = LoggedOnce(
            lambda reason: self.log.warn("lines of the access log {path} are lost: {reason}", path=path, reason=reason)
        )

    async def poll(self) -> None:
        try:
            await self._run(bound, self._path)
        except OSError as error:
            self._logged.found(str(error.strerror))
        else:
            self._logged.found("")
