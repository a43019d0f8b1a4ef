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

from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from daprdockr.agent.host.liveness import LivenessProbe
from daprdockr.model.errors import EngineError, EngineSilent, EngineUnavailable
from daprdockr.model.seams import Engine
from daprdockr.runtime.pool import Run

INTERVAL = 3.0
"""Seconds between two questions."""


class Stallable(Protocol):
    """The subscriber of the pulse: ``daprdockr.agent.host.host`` implements it."""

    def stalled(self, reason: str) -> None: ...

    def resumed(self) -> None: ...


class ContainerdPulse(LivenessProbe):
    """
    See Note [A hung containerd]. :param run: runs a call to ``engine`` in a thread that nothing else keeps busy.
    """

    def __init__(self, *, reactor: IReactorTime, run: Run, engine: Engine, host: Stallable) -> None:
        super().__init__(
            reactor=reactor,
            run=run,
            interval=INTERVAL,
            failing="whether containerd answers could not be found out",
            ask=engine.ask_containerd,
            lost=host.stalled,
            found=host.resumed,
        )

    def is_answer(self, error: EngineError) -> bool | None:
        """A refusal is an answer."""
        if isinstance(error, EngineSilent):
            return False
        return None if isinstance(error, EngineUnavailable) else True
