"""
The proxy: other names are asked of the upstreams, and their replies kept and passed on as they are.

Note [One question at a time]
    A question that is being asked already is not asked again; whoever comes meanwhile waits for the same reply.
    That keeps a burst cheap, takes from a forger the many open ids of one question (RFC 5452 section 5), and
    ends a circle: should an upstream forward to us again, its question waits for itself and runs out of time.

Note [An outage]
    When a reply is too old and upstreams fail to renew it, or take longer than a client has patience, clients get the
    old one (RFC 8767). While that lasts nobody waits any more: the old reply is given at once, and every few
    seconds the question is asked again behind it. A name that nobody asked for in a while is not part of
    the outage: there the first client waits again, for who knows whether upstreams are still away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import Factory, define
from twisted.internet.defer import CancelledError, Deferred, gatherResults, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.dns.cache import Cache
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.exchange import Exchange
from daprdockr.dns.query import Query
from daprdockr.dns.relay import Asked, Reply
from daprdockr.dns.upstreams import Upstreams

MAX_OPEN = 200
"""Questions open at upstreams at one time; each holds a socket at each upstream that is asked."""
MAX_WAITING = 2000
"""Clients that wait for one of them."""
PATIENCE_SECONDS = 1.8
"""How long a client waits before it gets an old reply; RFC 8767 section 5: the client response timer."""
RECHECK_SECONDS = 10.0
"""Between two questions for a name during an outage; RFC 8767 section 5: the failure recheck timer."""
OUTAGE_SECONDS = 30.0
"""How long an outage is taken to last after the last question that failed."""


@define
class ForwardCounts:
    """
    What the proxy did since the start: clients that were answered from the cache and with an old reply, questions
    that were asked and those that got no reply, clients that were too many.
    """

    cached: int = 0
    stale: int = 0
    asked: int = 0
    unanswered: int = 0
    overloaded: int = 0


@define
class _Open:
    """A question that is being asked, and who waits for its reply."""

    waiters: list[Deferred[bytes | None]] = Factory(list)
    task: Deferred[Any] = Factory(Deferred)
    patience: IDelayedCall | None = None


class Forwarder:
    """Answers from the cache or else from the upstreams."""

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        upstreams: Sequence[Endpoint],
        exchange: Exchange,
        *,
        cache: Cache,
        draw_id: Callable[[], int],
    ) -> None:
        """:param draw_id: gives unpredictable numbers of 16 bits."""
        self._clock = clock
        self._upstreams = Upstreams(clock, upstreams, exchange, draw_id)
        self._cache = cache
        self._open: dict[Asked, _Open] = {}
        self._waiters = 0
        self.counts = ForwardCounts()

    def cached(self, query: Query) -> bytes | None:
        """The packet of a reply that is at hand, for ``relay.fit``."""
        asked, now = Asked.of(query), self._clock.seconds()
        packet = self._cache.get(asked, now)
        if packet is not None:
            self.counts.cached += 1
            return packet
        return self._during_outage(asked, now)

    def ask(self, query: Query) -> Deferred[bytes | None]:
        """
        The packet of the reply, ``cached`` or asked for; None when there is no room to ask (answer SERVFAIL).

        See Note [One question at a time].
        """
        packet = self.cached(query)
        if packet is not None:
            return succeed(packet)
        asked = Asked.of(query)
        if self._waiters >= MAX_WAITING or (asked not in self._open and len(self._open) >= MAX_OPEN):
            self.counts.overloaded += 1
            return succeed(self._stale(asked))
        reply: Deferred[bytes | None] = Deferred()
        self._waiters += 1
        if asked in self._open:
            self._open[asked].waiters.append(reply)
        else:
            self._begin(asked, _Open([reply]))
        return reply

    def stop(self) -> Deferred[None]:
        """End all questions that are open; their clients get no new reply. Fires when the sockets are closed."""
        tasks = [opened.task for opened in self._open.values()]
        for task in tasks:
            task.cancel()
        return gatherResults(tasks).addCallback(lambda _: None)

    def _during_outage(self, asked: Asked, now: float) -> bytes | None:
        """The old reply, if upstreams failed to renew it a moment ago: see Note [An outage]."""
        failed = self._cache.failed_for(asked, now)
        if failed is None or failed >= OUTAGE_SECONDS:
            return None
        if failed >= RECHECK_SECONDS and asked not in self._open and len(self._open) < MAX_OPEN:
            self._begin(asked, _Open())
        return self._stale(asked)

    def _begin(self, asked: Asked, opened: _Open) -> None:
        self.counts.asked += 1
        self._open[asked] = opened
        if self._cache.stale(asked, self._clock.seconds()) is not None:
            opened.patience = self._clock.callLater(PATIENCE_SECONDS, self._fail, asked)
        opened.task = Deferred.fromCoroutine(self._upstreams.ask(asked))
        opened.task.addErrback(self._broken).addCallback(self._end, asked)

    def _broken(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self.log.failure("a question to the upstreams failed", failure)

    def _end(self, reply: Reply | None, asked: Asked) -> None:
        opened = self._open[asked]
        if opened.patience is not None and opened.patience.active():
            opened.patience.cancel()
        if reply is None:
            self.counts.unanswered += 1
            reply = asked.unanswered()
        if reply.failed:
            self._fail(asked)
        self._cache.put(asked, reply, self._clock.seconds())
        del self._open[asked]
        self._answer(opened, reply.packet)

    def _fail(self, asked: Asked) -> None:
        """Upstreams failed, or are slow: who waits gets the old reply, if there is one."""
        self._cache.fail(asked, self._clock.seconds())
        opened = self._open[asked]
        packet = self._stale(asked, len(opened.waiters))
        if packet is not None:
            self._answer(opened, packet)

    def _stale(self, asked: Asked, clients: int = 1) -> bytes | None:
        packet = self._cache.stale(asked, self._clock.seconds())
        if packet is not None:
            self.counts.stale += clients
        return packet

    def _answer(self, opened: _Open, packet: bytes | None) -> None:
        waiters, opened.waiters = opened.waiters, []
        self._waiters -= len(waiters)
        for waiter in waiters:
            waiter.callback(packet)
