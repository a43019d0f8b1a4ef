"""A service that polls every few seconds; the subclass says what."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime

from daprdockr.runtime.lasting import attempted, lasting


class Periodic(Service):
    """
    Awaits ``poll`` every ``interval`` seconds, never twice at a time.

    An exception that ``poll`` lets through is logged, and the next poll follows: see ``lasting``.

    :param at_once: whether it polls when it starts, too.
    :param failing: what could not be done then, as a line of the log.
    """

    def __init__(self, *, reactor: IReactorTime, interval: float, failing: str, at_once: bool = False) -> None:
        self._interval = interval
        self._failing = failing
        self._at_once = at_once
        self._loop = lasting(reactor, self.poll, failing)

    def startService(self) -> None:
        super().startService()
        self._loop.start(self._interval, now=self._at_once)

    def stopService(self) -> None:
        super().stopService()
        if self._loop.running:
            self._loop.stop()

    async def poll(self) -> None:
        """Poll once; to be overridden."""
        raise NotImplementedError

    def _poll_now(self) -> None:
        attempted(self.poll, self._failing)
