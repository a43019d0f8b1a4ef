"""
The pulse of the Docker Engine: pings show at short intervals whether it answers at all, in a thread of its own.

Note [A hung Engine]
    An Engine that hangs accepts calls and answers none, so each of them waits for its whole timeout, which has to be
    long because a busy Engine may take long. A ping costs it nothing. After ``MISSES`` pings in a row without an answer
    it counts as lost: the node is not ready, and claims nothing. With the first answer everything is listed again.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.logger import Logger

from daprdockr.model.errors import EngineError
from daprdockr.model.seams import Engine
from daprdockr.runtime.periodic import Periodic
from daprdockr.runtime.pool import Run

INTERVAL = 1.5
"""Seconds between two pings; one that is late is followed at once by the next."""

MISSES = 2


class Patient(Protocol):
    """The subscriber of the pulse: ``daprdockr.agent.host.host`` implements it."""

    def fell_silent(self, reason: str) -> None: ...

    def answered(self) -> None: ...


class Pulse(Periodic):
    """:param run: runs a call to ``engine`` in a thread that nothing else uses."""

    log = Logger()

    def __init__(self, *, reactor: Any, run: Run, engine: Engine, host: Patient) -> None:
        failing = "the pulse of the Docker Engine could not be taken"
        super().__init__(reactor=reactor, interval=INTERVAL, failing=failing)
        self._run = run
        self._engine = engine
        self._host = host
        self._misses = 0

    async def poll(self) -> None:
        """See Note [A hung Engine]. Each ping is over before the next is due."""
        while self.running:
            try:
                await self._run(self._engine.ping)
            except EngineError as error:
                self._misses += 1
                if self._misses >= MISSES:
                    self._host.fell_silent(str(error))
                    return
            else:
                if self._misses >= MISSES:
                    self._host.answered()
                self._misses = 0
                return
