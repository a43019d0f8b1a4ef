"""
The proxy: other names are asked of the upstreams, and their replies kept and passed on as they are.

Note [One question at a time]
    A question that is being asked already is not asked again; whoever comes meanwhile waits for the same reply.
    That keeps a burst cheap, takes from a forger the many open ids of one question (RFC 5452 section 5), and
    ends a circle: should an upstream forward to us again, its question waits for itself and runs out of time.

Note [Whose failure]
    A reply of REFUSED, SERVFAIL or the like may be that upstream's alone, so the others are asked too; when all
    say so, the client gets the first such reply, never a code of our making. SERVFAIL of our own means that no
    upstream spoke in time, or that too many questions are open.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from attrs import define
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, gatherResults, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.dns.cache import Cache
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.exchange import Exchange, NoReply
from daprdockr.dns.query import Query
from daprdockr.dns.records import FORMERR, NOTIMP
from daprdockr.dns.relay import Asked, Reply, read_reply
from daprdockr.dns.wire import Malformed

TRY_SECONDS = 1.0
TOTAL_SECONDS = 3.5
"""Less than the five seconds after which stub resolvers give up (resolv.conf(5))."""
ROUNDS = 3
MAX_OPEN = 200
"""Questions open at upstreams at one time; each holds a socket."""
MAX_WAITING = 2000
"""Clients that wait for one of them."""


@define
class ForwardCounts:
    """What the proxy did since the start."""

    cached: int = 0
    asked: int = 0
    unanswered: int = 0
    overloaded: int = 0


class Forwarder:
    """Asks upstreams in turn, beginning with the one that answered last."""

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
        self._upstreams = tuple(upstreams)
        self._exchange = exchange
        self._cache = cache
        self._draw_id = draw_id
        self._preferred = 0
        self._open: dict[Asked, Deferred[Any]] = {}
        self._waiting: dict[Asked, list[Deferred[bytes | None]]] = {}
        self._waiters = 0
        self.counts = ForwardCounts()

    def ask(self, query: Query) -> Deferred[bytes | None]:
        """
        The packet of the reply, for ``relay.fit``; None when there is none (answer SERVFAIL).

        See Note [One question at a time].
        """
        asked = Asked.of(query)
        packet = self._cache.get(asked, self._clock.seconds())
        if packet is not None:
            self.counts.cached += 1
            return succeed(packet)
        opens = asked not in self._waiting
        if self._waiters >= MAX_WAITING or (opens and len(self._waiting) >= MAX_OPEN):
            self.counts.overloaded += 1
            return succeed(None)
        reply: Deferred[bytes | None] = Deferred()
        self._waiters += 1
        self._waiting.setdefault(asked, []).append(reply)
        if opens:
            self._begin(asked)
        return reply

    def stop(self) -> Deferred[None]:
        """End all questions that are open; their clients get no reply. Fires when the sockets are closed."""
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        return gatherResults(tasks).addCallback(lambda _: None)

    def _begin(self, asked: Asked) -> None:
        self.counts.asked += 1
        task = Deferred.fromCoroutine(self._resolve(asked))
        self._open[asked] = task
        task.addErrback(self._broken).addCallback(self._end, asked)

    def _broken(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self.log.failure("a question to the upstreams failed", failure)

    def _end(self, reply: Reply | None, asked: Asked) -> None:
        self._open.pop(asked, None)
        packet = None
        if reply is None:
            self.counts.unanswered += 1
        else:
            self._cache.put(asked, reply, self._clock.seconds())
            packet = reply.packet
        for waiter in self._waiting.pop(asked):
            self._waiters -= 1
            waiter.callback(packet)

    async def _resolve(self, asked: Asked) -> Reply | None:
        """The first good reply, or see Note [Whose failure]."""
        deadline = self._clock.seconds() + TOTAL_SECONDS
        failures: dict[int, Reply] = {}
        count = len(self._upstreams)
        for turn in range(self._preferred, self._preferred + count * ROUNDS):
            upstream = turn % count
            if upstream in failures or self._clock.seconds() >= deadline:
                continue
            reply = await self._try(self._upstreams[upstream], asked, deadline)
            if reply is not None and not reply.failed:
                self._preferred = upstream
                return reply
            if reply is not None:
                failures[upstream] = reply
        return next(iter(failures.values()), None)

    async def _try(self, upstream: Endpoint, asked: Asked, deadline: float) -> Reply | None:
        """One try, each with a new id and port: by UDP, and by TCP if the reply was cut."""
        datagram, stream = self._exchange.over_datagram, self._exchange.over_stream
        edns = True
        try:
            reply = read_reply(await self._within(deadline, datagram(upstream, self._message(asked, edns))))
            if reply.rcode in (FORMERR, NOTIMP) and not reply.edns:
                # RFC 6891 section 6.2.2: that is how a server speaks that knows no OPT.
                edns = False
                reply = read_reply(await self._within(deadline, datagram(upstream, self._message(asked, edns))))
            if reply.cut:
                reply = read_reply(await self._within(deadline, stream(upstream, self._message(asked, edns))))
        except (NoReply, TimeoutError, Malformed):
            return None
        return reply

    def _message(self, asked: Asked, edns: bool) -> bytes:
        return asked.message(self._draw_id(), edns=edns)

    def _within(self, deadline: float, question: Coroutine[Deferred[bytes], object, bytes]) -> Deferred[bytes]:
        seconds = max(0.0, min(TRY_SECONDS, deadline - self._clock.seconds()))
        return Deferred.fromCoroutine(question).addTimeout(seconds, self._clock)
