# -*- test-case-name: tests.unit.agent.mirror.test_kept_doubt -*-
"""The doubt about etcd in the state directory, where the next agent finds it. Knows nothing of how a doubt begins."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from daprdockr.agent.statedir import StateDir
from daprdockr.model.stored.doubts import Doubt
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.pool import Run
from daprdockr.runtime.workers import Stopped

RETRY = 5.0
"""Seconds between two attempts while the disk takes no writes."""


class KeptDoubt:
    """:param run: runs the writes to the state directory, which may hang."""

    log = Logger()

    def __init__(self, *, reactor: IReactorTime, run: Run, state: StateDir) -> None:
        self._reactor = reactor
        self._run = run
        self._state = state
        self._wanted: Doubt | None = None
        self._writing = False
        self._unkept = LoggedOnce(
            lambda reason: self.log.warn("the doubt about etcd is not kept for the next agent: {reason}", reason=reason)
        )

    def keep(self, doubt: Doubt | None) -> None:
        """Write the doubt, or that there is none; retried while the disk takes no writes. The last call wins."""
        self._wanted = doubt
        if not self._writing:
            self._writing = True
            writing = Deferred.fromCoroutine(self._write())
            writing.addErrback(lambda failure: self.log.failure("the doubt about etcd was not kept", failure))

    async def _write(self) -> None:
        try:
            while not await self._is_written(self._wanted):
                pass
        except Stopped:
            pass
        finally:
            self._writing = False

    async def _is_written(self, doubt: Doubt | None) -> bool:
        """Write it once; return whether it is written, and no other is wanted meanwhile."""
        try:
            await self._run(self._state.write_doubt, doubt)
        except OSError as error:
            self._unkept.found(str(error))
            await deferLater(self._reactor, RETRY)
            return False
        self._unkept.found("")
        return self._wanted == doubt
