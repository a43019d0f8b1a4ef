# -*- test-case-name: tests.unit.proxy.test_former -*-
"""
The nginx that an earlier agent left running, where this agent has no listener for one. It is ended: nobody would give
it routes any more, and it would go on to lead clients to where instances were when that agent ended. The keys that it
had in memory are removed.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from daprdockr.process.ending import end_recorded
from daprdockr.proxy.files import ProxyFiles
from daprdockr.runtime.pool import Run
from daprdockr.runtime.workers import Stopped

GRACE = 5.0
"""Seconds that it is given to finish its requests: as long as that of an ephemeral agent."""


class FormerNginx(Service):
    """
    Ends it when this service starts.

    :param directory: that of nginx in the state directory.
    :param end: ends the process that a file records, after a grace and by a signal, and returns whether there was one.
    """

    log = Logger()

    def __init__(self, directory: Path, run: Run, end: Callable[[Path, float, int], bool] = end_recorded) -> None:
        self._files = ProxyFiles(directory)
        self._run = run
        self._end = end

    def startService(self) -> None:
        super().startService()
        if not self._files.process.exists():  # as a rule, and then no thread is needed
            return
        Deferred.fromCoroutine(self._clear()).addErrback(
            lambda failure: self.log.failure("the nginx of an earlier agent could not be ended", failure)
        )

    async def _clear(self) -> None:
        try:
            if await self._run(self._end, self._files.process, GRACE, signal.SIGQUIT):
                self.log.info("the nginx of an earlier agent was ended, because this one has no --http and no --https")
            await self._run(self._files.forget_keys)
        except Stopped:
            pass  # the next agent does it
