"""
Which upstream to ask, in which order, and how long: one question goes to upstreams until one of them has a good reply.

Note [Staggered race]
    The upstream that had the last good reply is asked first. The next one is asked as well when that one has been
    silent for a moment, or at once when it failed; the first is not abandoned, and the first good reply of any of them
    wins. So a dead name server costs each question that moment and not its whole timeout, and after the first reply of
    another one nothing at all. Each upstream is asked once and kept until the end: a second attempt, with another id,
    would help a forger (RFC 5452 section 5), and ending the first would lose the replies of an upstream that is always
    slow. The exchange resends lost packets.

Note [Whose failure]
    A reply of REFUSED, SERVFAIL or the like may concern that upstream alone, so the others are asked too; when all fail
    in this way, the client gets the first such reply, never a code of our making. Without any reply no upstream
    answered in time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine

from twisted.internet.defer import Deferred, DeferredList, DeferredQueue, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from daprdockr.dns.answering.name_servers import NameServers
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.forwarding.exchange import Exchange, NoReply
from daprdockr.dns.forwarding.forwarded import Asked, Reply, read_reply, was_cut
from daprdockr.dns.message.records import FORMERR, NOTIMP
from daprdockr.dns.message.wire import Malformed

STAGGER_SECONDS = 0.3
TOTAL_SECONDS = 9.0
"""How long a reply is useful; see Note [Late replies] in ``forward``."""
MAX_RACING = 3
"""The most upstreams that get one question within the first moments; each attempt holds a socket."""
CROWDED_SECONDS = 1.0
"""How long so many are given before one more is asked: when all of them are dead, the next one must still have time."""

_Ended = DeferredQueue[tuple[Endpoint, Reply | Failure | None]]
"""Upstreams that have finished with a question, each with its reply, with none, or with a defect of ours."""


class Upstreams:
    """Asks upstreams over an exchange, beginning with the one that had the last good reply."""

    def __init__(
        self, clock: IReactorTime, servers: NameServers, exchange: Exchange, draw_id: Callable[[], int]
    ) -> None:
        """:param draw_id: gives unpredictable numbers of 16 bits."""
        self._clock = clock
        self._exchange = exchange
        self._draw_id = draw_id
        self._preferred: dict[tuple[Endpoint, ...], Endpoint] = {}
        self._servers = servers

    @property
    def servers(self) -> NameServers:
        """The upstreams for new questions. A question that was sent stays with those it was sent to."""
        return self._servers

    @servers.setter
    def servers(self, servers: NameServers) -> None:
        self._servers = servers
        self._preferred.clear()

    async def ask(self, asked: Asked) -> Reply | None:
        """
        Return the first good reply, or else the first one; see Note [Staggered race] and Note [Whose failure].

        All sockets are closed when it returns, and when it is cancelled.
        """
        ended: _Ended = DeferredQueue()
        attempts: list[Deferred[None]] = []
        try:
            return await self._race(asked, attempts, ended)
        finally:
            for attempt in attempts:
                attempt.cancel()
            await DeferredList(attempts)

    async def _race(self, asked: Asked, attempts: list[Deferred[None]], ended: _Ended) -> Reply | None:
        deadline = self._clock.seconds() + TOTAL_SECONDS
        servers = self._servers.of(*asked.name) or ()
        waiting = deque(self._ordered(servers))
        failure, through = None, 0
        while waiting or through < len(attempts):
            if waiting:
                attempts.append(self._begin(waiting.popleft(), asked, deadline, ended))
            moment = STAGGER_SECONDS if len(attempts) - through < MAX_RACING else CROWDED_SECONDS
            try:
                upstream, reply = await self._next(ended, moment if waiting else None)
            except TimeoutError:
                continue
            through += 1
            if isinstance(reply, Failure):
                reply.raiseException()
            if reply is not None and not reply.failed:
                self._preferred[servers] = upstream
                return reply
            failure = failure or reply
        return failure

    def _ordered(self, servers: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
        first = servers.index(self._preferred[servers]) if servers in self._preferred else 0
        return servers[first:] + servers[:first]

    def _begin(self, upstream: Endpoint, asked: Asked, deadline: float, ended: _Ended) -> Deferred[None]:
        attempt = Deferred.fromCoroutine(self._reply_of(upstream, asked, deadline))
        return attempt.addBoth(lambda reply: ended.put((upstream, reply)))

    def _next(self, ended: _Ended, moment: float | None) -> Deferred[tuple[Endpoint, Reply | Failure | None]]:
        """:raises TimeoutError: after that moment, when it is time to ask the next upstream too; None: never."""
        one = ended.get()
        return one if moment is None else one.addTimeout(moment, self._clock)

    async def _reply_of(self, upstream: Endpoint, asked: Asked, deadline: float) -> Reply | None:
        """Return the reply of one upstream; None when it is silent until the deadline or cannot be reached."""
        try:
            return await self._try(upstream, asked, deadline)
        except (TimeoutError, NoReply, Malformed):
            return None

    async def _try(self, upstream: Endpoint, asked: Asked, deadline: float) -> Reply:
        """Ask by UDP, and by TCP if the reply was cut, each with a new id and port."""
        edns = True
        reply = await self._by_datagram(upstream, asked, deadline, edns)
        if reply is not None and reply.rcode in (FORMERR, NOTIMP) and not reply.edns:
            # RFC 6891 section 6.2.2: a server that does not know OPT answers like this.
            edns = False
            reply = await self._by_datagram(upstream, asked, deadline, edns)
        if reply is None:
            asking = self._exchange.over_stream(upstream, self._message(asked, edns))
            reply = read_reply(await self._within(deadline, asking))
        return reply

    async def _by_datagram(self, upstream: Endpoint, asked: Asked, deadline: float, edns: bool) -> Reply | None:
        """Return the reply by UDP; None if it was cut, whatever is left of it (RFC 2181 section 9)."""
        asking = self._exchange.over_datagram(upstream, self._message(asked, edns))
        packet = await self._within(deadline, asking)
        return None if was_cut(packet) else read_reply(packet)

    def _message(self, asked: Asked, edns: bool) -> bytes:
        return asked.message(self._draw_id(), edns=edns)

    def _within(self, deadline: float, question: Coroutine[Deferred[bytes], object, bytes]) -> Deferred[bytes]:
        seconds = max(0.0, deadline - self._clock.seconds())
        return Deferred.fromCoroutine(question).addTimeout(seconds, self._clock)
