"""
The forwarder: questions for other names are sent to the upstreams, and their replies cached and passed on unchanged.

Note [One question at a time]
    A question that is open already is not sent again; clients that ask meanwhile wait for the same reply. That keeps a
    burst cheap, denies a forger many open ids of one question (RFC 5452 section 5), and ends a circle: should an
    upstream forward to us again, its question waits for itself and times out.

Note [Late replies]
    Clients wait five seconds (resolv.conf(5)). So before that they get the answer that there was no reply, but the
    question stays open as long again, without any waiting client: a reply that comes then is cached for clients that
    retry. A client that asks meanwhile, and not in the second for which failures are cached, waits for that reply.

Note [An outage]
    When a reply has expired and upstreams fail to renew it, or take longer than the client response timer, clients get
    the old one (RFC 8767). During the outage no client waits any more: the old reply is returned at once, and every few
    seconds the question is sent again in the background. A name that no client asked for in a while is not part of the
    outage: its first client waits again, because upstreams may have recovered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define
from twisted.internet.defer import CancelledError, Deferred, gatherResults, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.dns.answering.name_servers import NameServers
from daprdockr.dns.forwarding.cache import Cache
from daprdockr.dns.forwarding.exchange import Exchange
from daprdockr.dns.forwarding.forwarded import Asked, Reply
from daprdockr.dns.forwarding.shares import Client
from daprdockr.dns.forwarding.upstreams import Upstreams
from daprdockr.dns.forwarding.waiting import Open, OpenQuestions, Waiter
from daprdockr.dns.message.query import Query
from daprdockr.runtime.timer import call_off

RESPONSE_SECONDS = 1.8
"""How long a client waits before it gets an old reply; RFC 8767 section 5: the client response timer."""
ANSWER_SECONDS = 4.5
"""How long a client waits where there is none; see Note [Late replies]."""
RECHECK_SECONDS = 10.0
"""Between two questions for a name during an outage; RFC 8767 section 5: the failure recheck timer."""
OUTAGE_SECONDS = 30.0
"""How long an outage is assumed to last after the last question that failed."""


@define
class ForwardCounts:
    """
    Counts since the start: clients that were answered from the cache and with an old reply, questions that were sent
    and those without a reply, clients that were too many.
    """

    cached: int = 0
    stale: int = 0
    asked: int = 0
    unanswered: int = 0
    overloaded: int = 0


class Forwarder:
    """Answers from the cache or else from the upstreams."""

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        servers: NameServers,
        exchange: Exchange,
        *,
        cache: Cache,
        draw_id: Callable[[], int],
    ) -> None:
        """:param draw_id: gives unpredictable numbers of 16 bits."""
        self._clock = clock
        self._upstreams = Upstreams(clock, servers, exchange, draw_id)
        self._cache = cache
        self._waiting = OpenQuestions()
        self._leaving: set[Deferred[None]] = set()
        self.counts = ForwardCounts()

    @property
    def servers(self) -> NameServers:
        """
        The upstreams. Others may know other names, so when they change cached replies count as old, and open questions
        are sent to the new ones: the former ones may be out of reach, and their replies would count as new.
        """
        return self._upstreams.servers

    @servers.setter
    def servers(self, servers: NameServers) -> None:
        self._upstreams.servers = servers
        self._cache.outdate(self._clock.seconds())
        for opened in self.open:
            former = opened.task
            self._start(opened)
            self._give_up(former)

    def cached(self, query: Query) -> bytes | None:
        """Return the packet of a cached reply, for ``forwarded.fit``."""
        asked, now = Asked.of(query), self._clock.seconds()
        packet = self._cache.get(asked, now)
        if packet is not None:
            self.counts.cached += 1
            return packet
        return self._during_outage(asked, now)

    def ask(self, query: Query, client: Client) -> Deferred[bytes | None]:
        """
        Return the packet of the reply, ``cached`` or requested; None when there is no room to ask.

        See Note [One question at a time], and Note [A share for each client] and Note [Forged sources] in ``waiting``.
        """
        packet = self.cached(query)
        if packet is not None:
            return succeed(packet)
        asked = Asked.of(query)
        opened = self._waiting.get(asked)
        if not self._may_wait(client) or (opened is None and not self._may_open(client)):
            self.counts.overloaded += 1
            return succeed(self._stale(asked))
        if opened is not None:
            return self._waiting.wait(opened, client).reply
        opened = self._waiting.begin(asked, self._clock.seconds())
        waiter = self._waiting.wait(opened, client)
        self._start(opened)
        return waiter.reply

    @property
    def open(self) -> list[Open]:
        """Return the questions that are open now."""
        return self._waiting.opened()

    def stop(self) -> Deferred[None]:
        """End all open questions; their clients get no new reply. Fires when the sockets are closed."""
        tasks = [*self._leaving, *(opened.task for opened in self.open)]
        for task in tasks:
            task.cancel()
        return gatherResults(tasks).addCallback(lambda _: None)

    def _may_wait(self, client: Client) -> bool:
        try:
            left = self._waiting.leave_one(client)
        except LookupError:
            return False
        if left is not None:
            opened, waiter = left
            self._turn_away(opened.asked, [waiter])
        return True

    def _may_open(self, client: Client) -> bool:
        if not self._waiting.full:
            return True
        opened = self._waiting.gives_way(client, self._clock.seconds())
        if opened is None:
            return False
        call_off(opened.timeout)
        self._turn_away(opened.asked, self._waiting.end(opened))
        self._give_up(opened.task)
        return True

    def _give_up(self, task: Deferred[None]) -> None:
        self._leaving.add(task)
        task.addBoth(lambda _: self._leaving.discard(task))
        task.cancel()

    def _turn_away(self, asked: Asked, waiters: list[Waiter]) -> None:
        self.counts.overloaded += len(waiters)
        _answer(waiters, self._stale(asked, len(waiters)))

    def _during_outage(self, asked: Asked, now: float) -> bytes | None:
        """Return the old reply, if upstreams failed to renew it a moment ago: see Note [An outage]."""
        failed = self._cache.failed_for(asked, now)
        if failed is None or failed >= OUTAGE_SECONDS:
            return None
        if failed >= RECHECK_SECONDS and self._waiting.get(asked) is None and not self._waiting.full:
            self._start(self._waiting.begin(asked, now))
        return self._stale(asked)

    def _start(self, opened: Open) -> None:
        """Send a question; if it was sent to other upstreams before, its clients wait no longer for that."""
        self.counts.asked += 1
        if opened.timeout is None or not opened.timeout.active():
            old = self._cache.stale(opened.asked, self._clock.seconds())
            timeout = ANSWER_SECONDS if old is None else RESPONSE_SECONDS
            opened.timeout = self._clock.callLater(timeout, self._fail, opened, opened.asked.unanswered())
        task = Deferred.fromCoroutine(self._upstreams.ask(opened.asked))
        opened.task = task
        task.addErrback(self._broken).addCallback(self._end, opened, task)

    def _broken(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self.log.failure("a question to the upstreams failed", failure)

    def _end(self, reply: Reply | None, opened: Open, task: Deferred[Any]) -> None:
        if self._waiting.get(opened.asked) is not opened or opened.task is not task:
            return  # Another question took its place, or it was sent to other upstreams.
        call_off(opened.timeout)
        if reply is None:
            self.counts.unanswered += 1
            reply = opened.asked.unanswered()
        if reply.failed:
            self._fail(opened, reply)
        else:
            self._cache.put(opened.asked, reply, self._clock.seconds())
        _answer(self._waiting.end(opened), reply.packet)

    def _fail(self, opened: Open, reply: Reply) -> None:
        """
        Give waiting clients, and those that come next, the old reply, or else this one, because upstreams failed or are
        slow.
        """
        asked, now = opened.asked, self._clock.seconds()
        self._cache.fail(asked, now)
        self._cache.put(asked, reply, now)
        waiters = self._waiting.leave(opened)
        _answer(waiters, self._stale(asked, len(waiters)) or reply.packet)

    def _stale(self, asked: Asked, clients: int = 1) -> bytes | None:
        packet = self._cache.stale(asked, self._clock.seconds())
        if packet is not None:
            self.counts.stale += clients
        return packet


def _answer(waiters: list[Waiter], packet: bytes | None) -> None:
    for waiter in waiters:
        waiter.reply.callback(packet)
