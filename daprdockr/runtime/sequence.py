"""A MultiService whose parts stop one after another, so that a part can rely on those started before it."""

from __future__ import annotations

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger


class Sequence(MultiService):
    """
    Starts its parts in order and stops them in the opposite order, each only when the one after it has stopped.

    A plain MultiService stops all parts at once, and a loop whose last act needs a thread would find the pool of
    threads gone.
    """

    log = Logger()

    def stopService(self) -> Deferred[None]:
        self.running = 0
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for part in reversed(list(self)):
            try:
                await maybeDeferred(part.stopService)
            except Exception:
                self.log.failure("{part} did not stop cleanly", part=part.name or type(part).__name__)
