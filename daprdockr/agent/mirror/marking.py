"""
Leaves marks in the history of etcd: Note [Marks] in ``daprdockr.model.stored.marks``.

Any agent may write a mark, and one does: the first one writes for all, and the others see it. Nothing is written while
nothing changes; a mark follows a change of a definition within a minute, and any other change within some minutes.

Note [A mark in the right history]
    A mark written into a history that lacks what its writer knows would be false evidence: etcd may have been restored
    without the writer noticing. So the transaction compares the chain, and the definitions that are younger than its
    newest mark; if these are more than ``MOST_COMPARED``, the mark attests the oldest ones only.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.model.errors import EtcdError, EtcdRefused
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Condition, Put, Unchanged
from daprdockr.model.stored.marks import encode_marks, with_another
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.periodic import Periodic
from daprdockr.runtime.pool import Run

POLL = 5.0
"""Seconds between two checks whether a mark is due."""

AFTER_DEFINITION, AFTER_CHANGE = 10.0, 300.0
"""
How long a change stays unattested until a mark is due, in seconds; up to ``SPREAD`` times as long, drawn at random, so
that one agent comes first.
"""

SPREAD = 1.5
BETWEEN = 60.0
"""The shortest time between two marks, in seconds."""

MOST_COMPARED = 100


class Marking(Periodic):
    """
    :param draw: a random number from 1 to 2**60 - 1.
    :param chance: gives random numbers in [0, 1).
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        run: Run,
        store: Store,
        mirror: Mirror,
        draw: Callable[[], int],
        chance: Callable[[], float],
    ) -> None:
        super().__init__(reactor=reactor, interval=POLL, failing="no mark of etcd's history could be written")
        self._reactor = reactor
        self._run = run
        self._store = store
        self._mirror = mirror
        self._cluster = mirror.cluster
        self._draw = draw
        self._chance = chance
        self._changed = self._defined = reactor.seconds()
        self._latest = 0
        self._marked = -BETWEEN
        self._refused = LoggedOnce(
            lambda reason: self.log.warn("no mark of etcd's history can be written: {reason}", reason=reason)
        )

    async def _mark(self) -> None:
        cluster, key = self._cluster, self._cluster.keys.marks
        known = {entry.key: entry.mod_revision for entry in cluster.entries}
        services = {cluster.keys.service(name) for name in cluster.services}.union(cluster.broken).intersection(known)
        young = sorted((known[name], name) for name in services if known[name] > self._attested)
        revision = cluster.revision if len(young) <= MOST_COMPARED else young[MOST_COMPARED - 1][0]
        conditions: list[Condition] = [Unchanged(key, known.get(key, 0))]
        conditions += [Unchanged(name, written) for written, name in young[:MOST_COMPARED]]
        marks = with_another(cluster.history.marks, revision, self._draw())
        try:
            await self._run(self._store.commit, conditions, [Put(key, encode_marks(marks))])
        except EtcdRefused as error:
            self._refused.found(str(error))
        except EtcdError as error:
            self.log.info("no mark of etcd's history was written: {reason}", reason=error)
        else:
            self._refused.found("")

    async def poll(self) -> None:
        """Write a mark if one is due. It comes back by the watch, as the marks of other agents do."""
        cluster, now = self._cluster, self._reactor.seconds()
        if not (self._mirror.in_touch and cluster.history.unbroken and cluster.identity):
            return
        if cluster.history.marks and cluster.history.marks[-1].number != self._latest:
            self._latest, self._marked = cluster.history.marks[-1].number, now
        if cluster.history.changed_at <= self._attested:
            self._changed = now
        if cluster.history.defined_at <= self._attested:
            self._defined = now
        spread = 1 + (SPREAD - 1) * self._chance()
        due = min(self._changed + AFTER_CHANGE * spread, self._defined + AFTER_DEFINITION * spread)
        if now < max(due, self._marked + BETWEEN):
            return
        self._changed = self._defined = now
        await self._mark()

    @property
    def _attested(self) -> int:
        return self._cluster.history.marks[-1].revision if self._cluster.history.marks else 0
