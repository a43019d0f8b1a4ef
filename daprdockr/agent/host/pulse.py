"""
The pulse of the Docker Engine: pings show at short intervals whether it answers at all, in a thread of its own.

Note [A hung Engine]
    An Engine that hangs accepts calls and answers none, so each of them waits for its whole timeout, which has to be
    long because a busy Engine may take long. A ping costs it nothing. After ``MISSES`` pings in a row without an answer
    it counts as lost: the node is not ready, and claims nothing. With the first answer everything is listed again.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from daprdockr.agent.host.liveness import LivenessProbe
from daprdockr.model.seams import Engine
from daprdockr.runtime.pool import Run

INTERVAL = 1.5
"""Seconds between two pings."""


class PulseSubscriber(Protocol):
    """``daprdockr.agent.host.host`` implements it."""

    def fell_silent(self, reason: str) -> None:
        """Take the Engine for lost; called again with each further miss."""

    def answered(self) -> None:
        """Take the Engine for present again."""


class Pulse(LivenessProbe):
    """See Note [A hung Engine]. :param run: runs a call to ``engine`` in a thread that nothing else uses."""

    def __init__(self, *, reactor: IReactorTime, run: Run, engine: Engine, host: PulseSubscriber) -> None:
        super().__init__(
            reactor=reactor,
            run=run,
            interval=INTERVAL,
            failing="the pulse of the Docker Engine could not be taken",
            ask=engine.ping,
            lost=host.fell_silent,
            found=host.answered,
        )
