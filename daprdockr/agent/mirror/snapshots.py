# -*- test-case-name: tests.unit.agent.mirror.test_mirror -*-
"""
Keeps the last known state in the state directory, from which names and routes are served before etcd answers.

Knows when a snapshot is due, and refuses to know what changed: it writes all entries of the mirror at once.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.agent.statedir import StateDir
from daprdockr.model.known.view import ClusterView
from daprdockr.model.stored.entries import Listing
from daprdockr.model.troubles.host import StateUnwritten
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.pool import Run
from daprdockr.runtime.timer import Timer

KEEP_DELAY = 2.0
"""The shortest time between two writes of the last known state, in seconds."""

KEEP_RETRY = 5.0
"""The shortest time between two attempts to write it after a failure, such as a full disk, in seconds."""

KEEP_REST = 10
"""The pause after a write, in multiples of its duration, so that a large state keeps neither disk nor CPU busy."""

LAST_WRITE = 10.0
"""The longest time that a stop waits for the last write, in seconds."""


class Snapshots:
    """Writes the mirror to the state directory, at most one write at a time, and soon after each change."""

    log = Logger()

    def __init__(self, *, reactor: IReactorTime, run: Run, cluster: ClusterView, state: StateDir) -> None:
        self._reactor = reactor
        self._run = run
        self._cluster = cluster
        self._state = state
        self._running = False
        self._withheld = False
        self._due = Timer(reactor, self._write_soon)
        self._delay = KEEP_DELAY
        self._generation = 0
        self._changed = False
        self._writing = DeferredLock()
        self._failing_for = LoggedOnce(
            lambda reason: self.log.warn("the last known state is not kept, the agent goes on: {reason}", reason=reason)
        )

    @property
    def condition(self) -> StateUnwritten | None:
        """Why the last write failed; None if it did not."""
        reason = self._failing_for.trouble
        return StateUnwritten(reason) if reason else None

    def start(self) -> None:
        self._running = True

    def stop(self) -> None:
        """Schedule no more writes; ``finish`` writes the last one."""
        self._running = False
        self._due.cancel()

    async def finish(self) -> None:
        """Write the changes that were not written yet, unless the disk hangs; a failure is logged."""
        if self._changed and not self._withheld:
            await self.write().addTimeout(LAST_WRITE, self._reactor, _late).addErrback(self._failed)

    def withhold(self) -> None:
        """Write nothing by itself until ``release``."""
        self._withheld = True

    def release(self) -> None:
        """Write what has changed meanwhile."""
        self._withheld = False
        self._schedule()

    def loaded(self) -> None:
        """Record that the mirror shows what the state directory holds."""
        self._generation = self._cluster.generation

    def note_changes(self) -> None:
        """Schedule a write if the mirror has changed since the last one, even if no subscriber learned of it."""
        if self._cluster.generation != self._generation:
            self._generation, self._changed = self._cluster.generation, True
        self._schedule()

    def write(self) -> Deferred[None]:
        """Write now, or as soon as the present write has ended. :raises OSError: by the Deferred."""
        return self._writing.run(self._write)

    def _schedule(self) -> None:
        if self._changed and self._running and not (self._writing.locked or self._withheld):
            self._due.set(self._delay)

    def _write_soon(self) -> None:
        self.write().addErrback(self._failed).addCallback(lambda _: self._schedule())

    def _failed(self, failure: Failure) -> None:
        """Log each reason once; the next attempt comes when a disk that was full may have room."""
        if isinstance(failure.value, OSError):
            self._failing_for.found(failure.value.strerror or str(failure.value))
        else:
            self.log.failure("the last known state was not kept", failure)
            self._failing_for.found("")
        self._delay = max(self._delay, KEEP_RETRY)

    async def _write(self) -> None:
        self._changed = False
        began = self._reactor.seconds()
        cluster = self._cluster
        listing = Listing(cluster.cluster_id, cluster.revision, tuple(cluster.entries))
        try:
            await self._run(self._state.write_listing, listing)
        except BaseException:
            self._changed = True
            raise
        else:
            self._failing_for.found("")
        finally:
            self._delay = max(KEEP_DELAY, KEEP_REST * (self._reactor.seconds() - began))


def _late(_: object, seconds: float) -> None:
    raise TimeoutError(f"the disk of the state directory took more than {seconds:g} s")
