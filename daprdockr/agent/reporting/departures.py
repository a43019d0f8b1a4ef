# -*- test-case-name: tests.unit.agent.reporting.test_departures -*-
"""
The events that nodes are gone: that their leases ended, and how many instances were free then.

Note [Written once]
    Every agent sees in the same moment that a node is gone, and none of them leads. So each waits for a time drawn at
    random, looks whether the event is there, and creates it only if it is not: at a key with the create revision of the
    node's record, which is the same for all.

Note [Gone for certain]
    While leases end for another reason than a host that died (Note [Many leases at once] in ``mass_expiry``), nothing
    is reported, and afterwards only nodes that are still away. Otherwise a node that is back by then was gone
    nevertheless, with its instances, unless it has the same lease: then only its record was written anew. And ``leave``
    deletes a node's record together with its cordon, and has an event of its own.

Note [Seen to go]
    An agent that was away for long finds nodes gone that others reported at the time, perhaps days ago. So a node is
    reported only by agents whose own record was there all along: they were away for less than a lease.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.agent.mirror.mass_expiry import MOMENT
from daprdockr.agent.reporting.journal import Journal
from daprdockr.model.errors import EtcdError
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.revisioned import Node
from daprdockr.runtime.timer import Timer
from daprdockr.runtime.workers import Stopped

SOON, SPREAD = 2 * MOMENT, 3.0
"""Seconds until the first and the last agent look for the event: Note [Written once]."""

AGAIN = 15.0
"""Seconds until the next attempt while etcd does not answer."""

FORGOTTEN = 900.0
"""Seconds after which a node that could not be reported is left out: the event of another agent may have ended."""

MOST_AT_ONCE = 20
"""Nodes that are reported one by one, of those that went together."""


@frozen
class _Gone:
    """A node that went at a monotonic time, with its last record; the claims it had, and whether it was cordoned."""

    node: Node
    at: float
    instances: int
    cordoned: bool


class Departures(Service):
    """
    :param node: this node.
    :param settled: returns until when it is not known why leases ended, in monotonic seconds.
    :param chance: gives random numbers in [0, 1).
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        cluster: ClusterView,
        node: str,
        journal: Journal,
        settled: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._reactor = reactor
        self._cluster = cluster
        self._node = node
        self._journal = journal
        self._settled = settled
        self._chance = chance
        self._nodes: dict[str, Node] = {}
        self._cordoned: frozenset[str] = frozenset()
        self._claims: dict[ServiceName, Counter[str]] = {}
        self._waiting: dict[str, _Gone] = {}
        self._doubtful = False
        self._due = Timer(reactor, lambda: Deferred.fromCoroutine(self._report()))

    def startService(self) -> None:
        super().startService()
        self._wake()

    def stopService(self) -> None:
        super().stopService()
        self._due.cancel()

    def on_changes(self, changes: Changes) -> None:
        """Take note of the nodes that went, and of the claims of those that are there."""
        if changes.nodes:
            now = self._reactor.seconds()
            for node in self._went():
                held = (self._claims.get(service, Counter())[node.name] for service in changes.services)
                self._waiting[node.name] = _Gone(node, now, sum(held), node.name in self._cordoned)
            self._nodes, self._cordoned = dict(self._cluster.nodes), frozenset(self._cluster.cordoned)
        for service in changes.services:
            self._claims[service] = Counter(claim.node for claim in self._cluster.claims(service).values())
            if not self._claims[service]:
                del self._claims[service]
        self._wake()

    def _went(self) -> Iterable[Node]:
        """Return the nodes whose leases ended since the last change: Note [Seen to go]."""
        before, now = self._nodes, self._cluster.nodes
        own = before.get(self._node), now.get(self._node)
        if own[0] is None or own[1] is None or own[0].created != own[1].created:
            return ()
        return [node for name, node in before.items() if name not in now or now[name].lease != node.lease]

    def _wake(self) -> None:
        if self._waiting:
            self._later(SOON + self._chance() * (SPREAD - SOON))

    def _later(self, delay: float) -> None:
        if self.running:
            self._due.set(delay)

    async def _report(self) -> None:
        """Report those that wait; never fails. See Note [Gone for certain]."""
        now = self._reactor.seconds()
        left = self._settled() - now
        if left > 0:
            self._doubtful = self._doubtful or left > MOMENT
            self._later(left + SOON + self._chance() * (SPREAD - SOON))
            return
        gone = [one for _, one in sorted(self._waiting.items()) if self._is_gone(one) and now - one.at < FORGOTTEN]
        self._waiting, self._doubtful = {}, False
        try:
            if gone:
                self._record(gone, await self._journal.told(*self._cluster.keys.courses))
        except Stopped:
            pass
        except EtcdError:
            self._waiting = {one.node.name: one for one in gone} | self._waiting
            self._later(AGAIN)
        except Exception:
            self.log.failure("it was not reported that nodes are gone")

    def _is_gone(self, one: _Gone) -> bool:
        there = self._cluster.nodes.get(one.node.name)
        if there is None:
            return not one.cordoned or one.node.name in self._cluster.cordoned
        return not self._doubtful and there.lease != one.node.lease

    def _record(self, gone: Sequence[_Gone], told: AbstractSet[str]) -> None:
        """:param told: the keys of events about the course of nodes that there are."""
        keys = self._cluster.keys
        new = {key: one for one in gone if (key := keys.gone(one.node.name, one.node.created)) not in told}
        room = MOST_AT_ONCE - (len(gone) - len(new))
        for number, (key, one) in enumerate(islice(new.items(), max(0, room)), 1):
            text = _text(one, keys.stopped(one.node.name, one.node.created) in told)
            more = f"; {len(new) - room} more went with it" if number == room < len(new) else ""
            self._journal.record_first(key, one.node.name, text + more, self._reactor.seconds() - one.at)


def _text(one: _Gone, was_stopped: bool) -> str:
    why = "its agent was stopped, and its lease ended" if was_stopped else "its lease ended"
    cordoned = "it was cordoned, and " if one.cordoned else ""
    free = "1 instance" if one.instances == 1 else f"{one.instances or 'no'} instances"
    return f"is gone: {why}; {cordoned}{free} became free"
