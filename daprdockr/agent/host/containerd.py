# -*- test-case-name: tests.unit.agent.host.test_containerd -*-
"""
The pulse of containerd, which runs the containers of a Docker Engine.

Note [A hung containerd]
    An Engine whose containerd hangs answers pings, lists and inspections, while every start, stop and command waits
    without end. So it is asked a question at intervals that it cannot answer without containerd: its version, which
    takes the machine 5 ms. After ``MISSES`` questions in a row without an answer the node is not ready until there is
    one. An Engine that does not take the call at all is the concern of ``pulse``.
"""

from __future__ import annotations

from typing import Any, Protocol

from daprdockr.model.errors import EngineError, EngineSilent, EngineUnavailable
from daprdockr.model.seams import Engine
from daprdockr.runtime.periodic import Periodic
from daprdockr.runtime.pool import Run

INTERVAL = 3.0
"""Seconds between two questions; one that is late is followed at once by the next."""

MISSES = 2


class Stallable(Protocol):
    """The subscriber of the pulse: ``daprdockr.agent.host.host`` implements it."""

    def stalled(self, reason: str) -> None: ...

    def resumed(self) -> None: ...


class ContainerdPulse(Periodic):
    """:param run: runs a call to ``engine`` in a thread that nothing else keeps busy."""

    def __init__(self, *, reactor: Any, run: Run, engine: Engine, host: Stallable) -> None:
        failing = "whether containerd answers could not be found out"
        super().__init__(reactor=reactor, interval=INTERVAL, failing=failing)
        self._run = run
        self._engine = engine
        self._host = host
        self._misses = 0

    async def poll(self) -> None:
        """See Note [A hung containerd]. Each question is over before the next is due."""
        while self.running:
            try:
                await self._run(self._engine.ask_containerd)
            except EngineSilent as error:
                self._misses += 1
                if self._misses >= MISSES:
                    self._host.stalled(str(error))
                    return
            except EngineUnavailable:
                return
            except EngineError:
                self._answered()  # a refusal is an answer
                return
            else:
                self._answered()
                return

    def _answered(self) -> None:
        if self._misses >= MISSES:
            self._host.resumed()
        self._misses = 0
