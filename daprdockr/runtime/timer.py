"""Calls that are made later: ``Timer`` makes one once, however often it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Timer:
    """:param call: made in the reactor's thread when the time has come; it may set the timer again."""

    def __init__(self, reactor: IReactorTime, call: Callable[[], object]) -> None:
        self._reactor = reactor
        self._call = call
        self._due: IDelayedCall | None = None

    @property
    def is_set(self) -> bool:
        return self._due is not None and self._due.active()

    def set(self, delay: float) -> None:
        """Make the call after so many seconds, unless it is due already, however late."""
        if not self.is_set:
            self._due = self._reactor.callLater(delay, self._call)

    def hasten(self, delay: float) -> None:
        """Make the call after so many seconds at the latest."""
        if self._due is not None and self._due.active() and self._due.getTime() > self._reactor.seconds() + delay:
            self._due.cancel()
        self.set(delay)

    def cancel(self) -> None:
        """Do not make the call; a no-op if none is due."""
        call_off(self._due)


def call_off(call: IDelayedCall | None) -> None:
    """Do not make a call; a no-op if there is none, or none is due any more."""
    if call is not None and call.active():
        call.cancel()
