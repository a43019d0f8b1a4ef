# -*- test-case-name: tests.unit.agent.reporting.test_departures -*-
"""
The events of this node's own course: its agent was stopped, was started again, or has another lease than before.

Note [Stopped, and started again]
    An agent that is stopped writes an event at a key with the create revision of the node's record. If the next agent
    comes before the lease ends, it puts an event of its own in the place of this one, so an upgrade leaves one event of
    each node; if it finds none, as after a crash, it says so. If none comes, the event that the node is gone has both.

Note [Back]
    A node that has another lease, though its agent went on, was gone for the others: if they reported that, it reports
    that it is back. After an outage of etcd in which the leases of all ended, nobody does.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.agent.reporting.departures import AGAIN, SPREAD
from daprdockr.agent.reporting.journal import Journal
from daprdockr.model.errors import EtcdError, EtcdUnavailable
from daprdockr.model.known.view import ClusterView
from daprdockr.model.stored.revisioned import Node
from daprdockr.runtime.workers import Stopped

STOPPED = "its agent was stopped; its instances become free when its lease ends"
RESTARTED = "its agent was started again, and goes on under its lease"
UNSTOPPED = f"{RESTARTED}; nothing says that the one before it was stopped"
STARTED = "its agent was started, and has a new lease: the one before it had ended"
BACK = "is back, with a new lease: the one before it had ended, though the agent ran"

LATER = 2 * SPREAD
"""Seconds after which the others have reported that this node was gone, if they do."""


class HasLease(Protocol):
    """As ``Heartbeat`` does."""

    @property
    def lease(self) -> int: ...

    @property
    def taken_over(self) -> bool | None: ...


class OwnCourse(Service):
    """:param node: this node."""

    log = Logger()

    def __init__(
        self, *, reactor: IReactorTime, cluster: ClusterView, node: str, heartbeat: HasLease, journal: Journal
    ) -> None:
        self._reactor = reactor
        self._cluster = cluster
        self._node = node
        self._heartbeat = heartbeat
        self._journal = journal
        self._last: Node | None = None

    def startService(self) -> None:
        super().startService()
        self.look()

    def stopService(self) -> None:
        """See Note [Stopped, and started again]."""
        super().stopService()
        own = self._own()
        if own is not None:
            self._journal.record_last(self._cluster.keys.stopped(self._node, own.created), self._node, STOPPED)

    def look(self) -> None:
        """Record an event if this node has another lease than before; to be called when its lease or nodes changed."""
        own = self._own() if self.running else None
        if own is None:
            return
        last, self._last = self._last, own
        if last is not None:
            if last.lease != own.lease:
                self._reactor.callLater(LATER, self._spawn, self._back, last)
        elif self._heartbeat.taken_over:
            self._spawn(self._taken_over, own)
        elif self._heartbeat.taken_over is not None:
            self._journal.record_expected(self._node, STARTED)

    def _own(self) -> Node | None:
        """Return the record of this node, while it stands under a lease that is certain."""
        own, lease = self._cluster.nodes.get(self._node), self._heartbeat.lease
        return own if own is not None and own.lease == lease != 0 else None

    async def _taken_over(self, own: Node) -> None:
        key = self._cluster.keys.stopped(self._node, own.created)
        if key in await self._journal.told(key):
            self._journal.record_instead(key, self._node, RESTARTED)
        else:
            self._journal.record(self._node, UNSTOPPED)

    async def _back(self, last: Node) -> None:
        """See Note [Back]."""
        key = self._cluster.keys.gone(self._node, last.created)
        if key in await self._journal.told(key):
            self._journal.record(self._node, BACK)

    def _spawn(self, work: Callable[[Node], Coroutine[Any, Any, None]], node: Node) -> None:
        if self.running:
            Deferred.fromCoroutine(work(node)).addErrback(self._untold, work, node)

    def _untold(self, failure: Failure, work: Callable[[Node], Coroutine[Any, Any, None]], node: Node) -> None:
        if failure.check(EtcdUnavailable):
            self._reactor.callLater(AGAIN, self._spawn, work, node)
        elif not failure.check(EtcdError, Stopped):
            self.log.failure("the course of this node was not told", failure)
