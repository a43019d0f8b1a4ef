"""
Deletes the records in etcd that stand under no lease: claims, successions, nodes' records, events.

Note [An ownerless record is deleted once]
    Any agent that is in touch with etcd deletes it, one to three seconds after it saw the record, and only if nobody
    wrote it meanwhile: the transaction compares its mod revision. The delay is drawn at random, so that one agent
    deletes and the others see it gone. See Note [A record without a lease] in ``daprdockr.model.known.contents``.
    Events, which agents do not follow, are searched at the start and each hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.model.errors import EtcdError, EtcdUnavailable
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.view import ClusterView
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Delete, Unchanged
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.pool import Run
from daprdockr.runtime.timer import Timer
from daprdockr.runtime.workers import Stopped

DELAY = 1.0
"""The shortest delay until an agent deletes, in seconds; the longest is three times that."""

AGAIN = 15.0
"""Seconds until the next attempt after a failed one."""

EVENTS = 3600.0
"""Seconds between two searches of the events: the lifetime of a leased one."""


class Ownerless(Service):
    """
    :param run: runs a call to ``store`` in a thread.
    :param in_touch: whether ``cluster`` shows the contents of etcd.
    :param chance: gives random numbers in [0, 1).
    :param record_event: records an event for people: its subject, and one sentence.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        run: Run,
        store: Store,
        cluster: ClusterView,
        in_touch: Callable[[], bool],
        chance: Callable[[], float],
        record_event: Callable[[str, str], None],
    ) -> None:
        self._reactor = reactor
        self._run = run
        self._store = store
        self._cluster = cluster
        self._in_touch = in_touch
        self._chance = chance
        self._record_event = record_event
        self._due = Timer(reactor, lambda: Deferred.fromCoroutine(self._clear()))
        self._refused = LoggedOnce(
            lambda reason: self.log.info("records without a lease were not deleted: {reason}", reason=reason)
        )
        self._events_at = 0.0
        self._clearing = False

    def startService(self) -> None:
        super().startService()
        self._later(self._soon())

    def stopService(self) -> None:
        super().stopService()
        self._due.cancel()

    def on_changes(self, changes: Changes) -> None:
        if any(broken.ownerless for broken in changes.broken):
            self._later(self._soon())

    def _soon(self) -> float:
        return DELAY * (1 + 2 * self._chance())

    def _later(self, delay: float) -> None:
        """Clear after ``delay`` seconds at the latest."""
        if self.running:
            self._due.hasten(delay)

    async def _clear(self) -> None:
        """Delete what is due; never fails."""
        if self._clearing:
            self._later(AGAIN)  # what came since may not be among what is being cleared
            return
        self._clearing = True
        again = AGAIN
        try:
            if self._in_touch() and not await self._clear_records():
                await self._clear_events()
                again = self._events_at - self._reactor.seconds()
            self._refused.found("")
        except (Stopped, EtcdUnavailable):
            pass  # The mirror reports that etcd does not answer.
        except EtcdError as error:
            self._refused.found(str(error))
        except Exception:
            self.log.failure("records without a lease were not deleted")
        finally:
            self._clearing = False
        self._later(again)

    async def _clear_records(self) -> bool:
        """Return whether there were any: then the next search shows whether they are gone."""
        found = [(broken.key, broken.revision) for broken in self._cluster.broken.values() if broken.ownerless]
        await self._delete(found)
        return bool(found)

    async def _clear_events(self) -> None:
        if self._reactor.seconds() < self._events_at:
            return
        listing = await self._run(self._store.list, self._cluster.keys.events)
        await self._delete((entry.key, entry.mod_revision) for entry in listing.entries if not entry.lease)
        self._events_at = self._reactor.seconds() + EVENTS

    async def _delete(self, found: Iterable[tuple[str, int]]) -> None:
        """See Note [An ownerless record is deleted once]. Records one event for all of them."""
        gone: list[str] = []
        try:
            for key, revision in found:
                if (await self._run(self._store.commit, [Unchanged(key, revision)], [Delete(key)])).succeeded:
                    gone.append(key)
        finally:
            if gone:
                more = f" (and {len(gone) - 1} more)" if len(gone) > 1 else ""
                self._record_event(gone[0], f"stood under no lease, as a copy leaves it, and was deleted{more}")
