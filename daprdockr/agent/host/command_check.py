# -*- test-case-name: tests.unit.agent.host.test_probe -*-
"""The health check by a command in the container."""

from __future__ import annotations

import re
from contextlib import suppress

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.agent.host.probe import Target, Unmade
from daprdockr.agent.host.stuck import StuckCommands
from daprdockr.model.errors import EngineRefused, EngineSilent
from daprdockr.model.host import Executed
from daprdockr.model.last_words import ended_with, last_lines
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Engine
from daprdockr.runtime.pool import Pool

_NOT_BEGUN = "the command did not begin in time"
_NOT_RUN = re.compile("OCI runtime exec failed: (runc did not terminate successfully|.*[nN]o space left on device)")
"""The output that the Engine reports of a command that its host had no room to run."""
_OVERDUE = 124
"""The exit status of a command that took too long; one that runs ``timeout`` may end with it, too."""


class CommandCheck:
    """
    It ends by itself; its time counts from its start, however long it waited for a thread.

    :param pool: threads for commands in containers, which services share.
    """

    log = Logger()

    def __init__(self, *, reactor: IReactorTime, pool: Pool, engine: Engine) -> None:
        self._reactor = reactor
        self._pool = pool
        self._engine = engine
        self._late: set[ServiceName | None] = set()
        self._stuck = StuckCommands()

    async def __call__(self, target: Target) -> str | None:
        """Check once, as a ``Probe`` does. :raises EngineUnavailable: the Engine does not answer."""
        check, asked = target.check, self._reactor.seconds()
        begun = asked

        def execute() -> Executed | None:
            nonlocal begun
            begun = self._reactor.seconds()
            try:
                return self._engine.execute(target.container, check.command, check.timeout)
            except EngineSilent:
                with suppress(EngineRefused):  # which is an answer
                    self._engine.ask_containerd()  # and if that is silent too, it is not this container
                return None

        done = await self._pool.of(target.service)(execute)
        self._note_wait(target, begun - asked)
        if done is None:
            is_stuck = self._stuck.did_not_begin(target.container, begun, self._reactor.seconds())
            return _NOT_BEGUN if is_stuck else Unmade(_NOT_BEGUN)
        self._stuck.began(target.container)
        return _found(done)

    def _note_wait(self, target: Target, waited: float) -> None:
        """Log once that the checks of a service come late, and forget it when they are in time again."""
        if waited <= target.check.interval / 2:
            self._late.discard(target.service)
        elif waited > target.check.interval and target.service not in self._late:
            self._late.add(target.service)
            self.log.warn(
                "health checks of {service} wait {waited:.0f} s for a thread: give them a longer Interval",
                service=target.service,
                waited=waited,
            )


def _found(done: Executed) -> str | None:
    if not done.status:
        return None
    said = last_lines(done.output)[-1:]
    complaint = ": ".join([_ended(done.status), *said])
    return Unmade(complaint) if any(map(_NOT_RUN.match, said)) else complaint


def _ended(status: int) -> str:
    return f"exit status {status}: it took too long" if status == _OVERDUE else ended_with(status)
