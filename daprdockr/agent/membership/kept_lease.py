# -*- test-case-name: tests.unit.agent.membership.test_heartbeat -*-
"""
The lease in the state directory, where the next agent finds it: Note [The lease outlives the agent] in ``heartbeat``.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from daprdockr.agent.statedir import StateDir
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.pool import Run
from daprdockr.runtime.workers import Stopped


class KeptLease:
    """:param run: runs the writes to the state directory, which may hang."""

    log = Logger()

    def __init__(self, *, state: StateDir, run: Run) -> None:
        self._state = state
        self._run = run
        self._kept = 0
        self._keeping = False
        self._unkept = LoggedOnce(
            lambda reason: self.log.warn("this node's lease is not kept for the next agent: {reason}", reason=reason)
        )

    def read_lease(self) -> int:
        """Return the lease of an earlier agent, 0 if none is known. Blocking, for two small files."""
        return self._state.read_lease()

    def keep(self, lease: int) -> None:
        """Write the lease, unless it is written; while a write is in progress, the next call writes the rest."""
        if lease != self._kept and not self._keeping:
            Deferred.fromCoroutine(self._write(lease))

    async def _write(self, lease: int) -> None:
        """Write the lease. A failure is retried at the next beat, and logged once a reason."""
        self._keeping = True
        try:
            await self._run(self._state.write_lease, lease)
        except OSError as error:
            self._unkept.found(str(error))
        except Stopped:
            pass
        else:
            self._kept = lease
            self._unkept.found("")
        finally:
            self._keeping = False
