"""Waiting for containers to end. Knows no container; its owner reports when one has ended."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime


class Endings:
    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._waiting: dict[str, list[Deferred[None]]] = {}

    def wait(self, container: str, seconds: float) -> Deferred[None]:
        """Return a Deferred that fires when the container has ended, or after so many seconds."""
        waiting: Deferred[None] = Deferred(lambda _: self._give_up(container, waiting))
        self._waiting.setdefault(container, []).append(waiting)
        return waiting.addTimeout(seconds, self._reactor, lambda *_: None)

    def over(self, container: str) -> None:
        """Report that it does not run any more."""
        for waiting in self._waiting.pop(container, ()):
            waiting.callback(None)

    def _give_up(self, container: str, waiting: Deferred[None]) -> None:
        self._waiting[container].remove(waiting)
        if not self._waiting[container]:
            del self._waiting[container]
