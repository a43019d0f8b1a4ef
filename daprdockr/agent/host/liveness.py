# -*- test-case-name: tests.unit.agent.host.test_pulse,tests.unit.agent.host.test_containerd -*-
"""A probe of the Engine at intervals, which finds out early that there are no answers any more."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from daprdockr.model.errors import EngineError
from daprdockr.runtime.periodic import Periodic
from daprdockr.runtime.pool import Run

MISSES = 2
"""Questions in a row without an answer after which that is reported."""


class LivenessProbe(Periodic):
    """
    Asks one question; one that is late is followed at once by the next, and each is over before another one is due.

    :param run: runs ``ask`` in a thread that nothing else keeps busy.
    :param ask: asks, and raises an ``EngineError`` when there is no answer.
    :param lost: receives the reason after each miss from the last of ``MISSES`` on.
    :param found: called with the first answer after that.
    """

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        run: Run,
        interval: float,
        failing: str,
        ask: Callable[[], object],
        lost: Callable[[str], None],
        found: Callable[[], None],
    ) -> None:
        super().__init__(reactor=reactor, interval=interval, failing=failing)
        self._run = run
        self._ask = ask
        self._lost = lost
        self._found = found
        self._misses = 0

    def is_answer(self, error: EngineError) -> bool | None:
        """Return whether an error is an answer nevertheless; None: it counts for neither."""
        return False

    async def poll(self) -> None:
        while self.running:
            try:
                await self._run(self._ask)
            except EngineError as error:
                answered, reason = self.is_answer(error), str(error)
            else:
                answered, reason = True, ""
            if answered is not False:
                if answered:
                    self._answered()
                return
            self._misses += 1
            if self._misses >= MISSES:
                self._lost(reason)
                return

    def _answered(self) -> None:
        if self._misses >= MISSES:
            self._found()
        self._misses = 0
