"""
A value that was read at the start and may change while the agent runs (a file, an address), polled.

It is read again every few seconds, and a change is reported. Refuses to know what the value means and who needs it. The
kernel could report changes sooner, but not for every file system, and no two kinds of values in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.model.errors import DaprdockrError
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.periodic import Periodic
from daprdockr.runtime.pool import Run
from daprdockr.runtime.signal import Signal
from daprdockr.runtime.workers import Stopped

T = TypeVar("T")

INTERVAL = 3.0
"""Seconds between two readings."""


class Followed(Periodic, Generic[T]):
    """
    :param run: runs ``read`` in a thread, because a file may lie on a disk that hangs.
    :param what: the name of the value in a line of the log.
    :param read: returns the value as it is now. While it raises OSError or DaprdockrError the last value stands.
    :param first: the value at the start; an empty one if it cannot be read yet.
    """

    log = Logger()

    def __init__(self, *, reactor: IReactorTime, run: Run, what: str, read: Callable[[], T], first: T) -> None:
        super().__init__(reactor=reactor, interval=INTERVAL, failing=f"{what} could not be followed")
        self._run = run
        self._what = what
        self._read = read
        self._changed: Signal[[T]] = Signal()
        self._reading = False
        self.value = first
        """The value at the last reading."""
        self._logged = LoggedOnce(self._cannot_be_read, lambda: self.log.info("{what} can be read again", what=what))

    @property
    def trouble(self) -> str:
        """Why it cannot be read now; empty while it can."""
        return self._logged.trouble

    def subscribe(self, subscriber: Callable[[T], object]) -> None:
        """Have each new value reported, in the reactor's thread; not the first one."""
        self._changed.subscribe(subscriber)

    def _cannot_be_read(self, reason: str) -> None:
        stands = "the last value stands" if self.value else "and there is none yet"
        self.log.warn("{what} cannot be read, {stands}: {reason}", what=self._what, stands=stands, reason=reason)

    async def poll(self) -> None:
        """Read now, unless a reading is in progress."""
        if self._reading:
            return
        self._reading = True
        try:
            self._take(await self._run(self._read))
        except Stopped:
            pass
        except (OSError, DaprdockrError) as error:
            self._logged.found(str(error))
        finally:
            self._reading = False

    def _take(self, found: T) -> None:
        self._logged.found("")
        if found != self.value and self.running:
            self.value = found
            self.log.info("{what} changed", what=self._what)
            self._changed(found)
