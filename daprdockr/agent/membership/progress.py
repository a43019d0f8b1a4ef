"""
The revision that the names and routes of each node have reached: requested and reported in the nodes' records.

Note [Acknowledged, then stopped]
    A node that is going to stop a copy on purpose has to know that no name and no route leads to it any more, on any
    node. All nodes see all changes in one order, so a revision says how far each of them is. The node that waits names
    a revision in its own record (``awaits``); each other node, as soon as its names and its nginx have reached that
    revision, writes how far it is into its record (``reached``). Nothing is written as long as nobody waits, and
    changes that are over together cost one write of each node. No node has to reach the latest of the revisions that
    are waited for before it reports an earlier one: while one change follows the other, the latest is never reached. So
    a node that stays behind also reports how far it is: a node that waits for several revisions names only the latest.

    A request that nginx passed on before may still be under way. So a node that has reached the revision asks its nginx
    once more, and reports the endpoints that work on requests although no route leads to them (``busy``). This list can
    only grow shorter from then on: no request comes to these endpoints any more. It is polled, and reported again as it
    does, until it is empty.

    The planner decides which copies wait, and how long at most: see ``planning.keeping.withdrawing``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from attrs import evolve, frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.model.backoff import Backoff
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.view import ClusterView
from daprdockr.model.stored.node import NodeRecord, Progress
from daprdockr.runtime.signal import Signal
from daprdockr.runtime.timer import Timer

SPACING = 0.05
"""The shortest time between two writes of the node's record, in seconds: what changes meanwhile is written together."""

POLLS = Backoff(first=0.02, limit=0.5)
"""The delays between two polls: whether a revision is reached, and which endpoints are busy."""

MOST_BEHIND = 4
"""After so many polls, within a second, a node reports how far it is, even if that is less than anybody waits for."""

MOST_BUSY = 256
"""The most busy endpoints that a node reports: its record must stay small."""


class OwnProgress:
    """The progress in this node's record, which ``ClusterProgress`` changes."""

    def __init__(self) -> None:
        self.value = Progress()

    def __call__(self, record: NodeRecord) -> NodeRecord:
        """Return a record of this node with its progress."""
        return evolve(record, progress=self.value)


@frozen
class Serving:
    """
    The names and routes of this node: ``reached`` returns the revision that they have reached, ``busy`` the endpoints
    that work on requests although no route leads to them.
    """

    reached: Callable[[], int]
    busy: Callable[[], Awaitable[frozenset[str]]]


class ClusterProgress(Service):
    """
    The progress of all nodes: how far each has followed the changes of the cluster. See Note [Acknowledged, then
    stopped].

    ``advanced`` is sent when this node's own progress has changed.

    :param record: this node's progress in its record.
    :param write: writes that record soon.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        node: str,
        cluster: ClusterView,
        serving: Serving,
        record: OwnProgress,
        write: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._node = node
        self._cluster = cluster
        self._serving = serving
        self._record = record
        self._write = write
        self.advanced: Signal[[]] = Signal()
        self._reached = self._awaits = 0
        self._busy: frozenset[str] = frozenset()
        self._asking = False
        self._polls = self._behind = 0
        self._later = Timer(reactor, self.check)
        self._turn = Timer(reactor, self.check)
        self._poll = Timer(reactor, lambda: Deferred.fromCoroutine(self._shrink()))
        self._writing = Timer(reactor, self._write_now)
        self._written = -SPACING

    def stopService(self) -> None:
        super().stopService()
        for timer in (self._turn, self._later, self._poll, self._writing):
            timer.cancel()

    @property
    def reached(self) -> dict[str, int]:
        """The revision that each node with a lease has reached, as far as known."""
        found = {name: node.record.progress.reached for name, node in self._cluster.nodes.items()}
        return found | {self._node: self._reached}

    @property
    def busy(self) -> frozenset[str]:
        """The endpoints on which requests are under way, at any node, although no route leads to them."""
        return self._busy.union(endpoint for progress in self._others() for endpoint in progress.busy)

    def wait_for(self, revision: int) -> None:
        """Ask all nodes to report when they have reached a revision."""
        if revision > self._awaits:
            self._awaits = revision
            self.check()

    def on_changes(self, changes: Changes) -> None:
        """Take note of what other nodes wait for, and how far they are."""
        if changes.nodes or changes.progress:
            self._check_soon()

    def _check_soon(self) -> None:
        """Check in the next turn, when all that serves clients knows of the change too."""
        if self.running:
            self._turn.set(0)

    def check(self) -> None:
        """Find out whether this node has reached what is waited for: something may have come into force."""
        if not self.running:
            return
        known = self._cluster.revision
        if known < self._reached:  # another history: no revision of the former one counts
            self._reached, self._awaits, self._record.value = 0, 0, Progress()
        wanted = [one for one in (self._awaits, *self._wanted_by_others()) if one > self._reached]
        if not wanted:
            self._behind = 0
        elif not self._asking:
            reached = self._serving.reached()
            is_enough = min(wanted) <= reached or self._behind > MOST_BEHIND
            if is_enough and self._reached < reached <= known:
                Deferred.fromCoroutine(self._advance())
            else:
                self._check_later()
        self._report()

    def _check_later(self) -> None:
        """Nothing reports that the mirror has passed a revision without a change, such as that of an own write."""
        if not self._later.is_set:
            self._behind += 1
            self._later.set(POLLS.delay(self._behind, 0.0))

    def _wanted_by_others(self) -> list[int]:
        return [progress.awaits for progress in self._others()]

    def _others(self) -> Iterator[Progress]:
        return (node.record.progress for name, node in self._cluster.nodes.items() if name != self._node)

    async def _advance(self) -> None:
        self._asking = True
        reached = self._serving.reached()
        busy = await self._busy_here()
        self._asking = False
        self._reached, self._busy, self._polls, self._behind = reached, busy, 0, 0
        self._changed()
        self._check_soon()

    def _changed(self) -> None:
        self._report()
        self._poll.cancel()
        if self._busy and self.running:
            self._polls += 1
            self._poll.set(POLLS.delay(self._polls, 0.0))
        self.advanced()

    async def _shrink(self) -> None:
        if self._asking:
            return  # it reads the whole list anew
        since = self._reached
        found = await self._busy_here()
        if self._reached == since:  # otherwise the whole list was read anew meanwhile
            self._busy &= found
            self._changed()

    async def _busy_here(self) -> frozenset[str]:
        try:
            return await self._serving.busy()
        except Exception:
            self.log.failure("the requests under way could not be found out")
            return frozenset()

    def _report(self) -> None:
        """Put into the record what others wait for, and what we wait for."""
        value = before = self._record.value
        if value.reached < self._reached and any(value.reached < one for one in self._wanted_by_others()):
            value = evolve(value, reached=self._reached, busy=tuple(sorted(self._busy)[:MOST_BUSY]))
        elif value.busy:
            value = evolve(value, busy=tuple(one for one in value.busy if one in self._busy))
        if any(progress.reached < self._awaits for progress in self._others()):
            value = evolve(value, awaits=self._awaits)
        if value != before:
            self._record.value = value
            self._write_soon()

    def _write_soon(self) -> None:
        self._writing.set(max(0.0, self._written + SPACING - self._reactor.seconds()))

    def _write_now(self) -> None:
        self._written = self._reactor.seconds()
        self._write()
