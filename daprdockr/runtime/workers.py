"""
Threads for blocking calls, as a service: the ``Run`` of the seams.

Note [Blocked threads]
    A call to Docker may block without limit, and Python cannot end a thread. ``ThreadPool.stop`` would wait for it, and
    with it the whole exit. So the threads are daemons, the stop waits a bounded time for calls in flight, and a pool
    that still has some then is abandoned at the end of the process. A pool whose calls may break off at any point gives
    them no time.

Note [Fair shares]
    Calls that belong to an owner (a service, a registry) wait in a queue of its own, and no owner has more than
    ``share`` threads at once. The queues take turns. So a service whose commands hang delays only itself, as long as a
    pool has threads for several such owners, which cost nothing until they are needed.

Note [No thread left]
    Where the kernel starts no thread, as at the limit of tasks of the agent's unit, a call waits, as if all threads
    were busy: for one that becomes free, or for the next attempt. No caller could do better than to try again.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, TypeVar

from attrs import define
from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from daprdockr.model.errors import DaprdockrError
from daprdockr.model.trouble import line
from daprdockr.model.troubles.host import ThreadsBusy, ThreadsRefused
from daprdockr.runtime.durations import Durations
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.pool import Run
from daprdockr.runtime.timer import Timer

T = TypeVar("T")

LONG_WAIT = 3.0
"""Seconds that a call may wait for a thread, in a pool that has none left, before the wait is reported."""


RETRY = 1.0
"""Seconds until a thread that the kernel did not start is tried again."""


class Stopped(DaprdockrError):
    """The agent is stopping; no new calls are made."""


@define(eq=False)
class _Call:
    owner: Hashable
    make: Callable[[], Any]
    since: float
    done: Deferred[Any]


class Workers(Service):
    """
    A pool of at most ``size`` threads. Instances are callables: ``await workers(call, argument)``, and
    ``await workers.of(owner)(call, argument)`` for a call that counts against a share. See Note [Fair shares].

    :param share: how many threads one owner may have; 0: all.
    :param grace: seconds that calls in flight are given when the service stops.
    :ivar durations: of the calls that have ended, from the moment when a thread was free for them.
    :ivar failed: how many of these raised an exception.
    """

    log = Logger()

    def __init__(self, *, name: str, size: int, reactor: Any, share: int = 0, grace: float = 5.0) -> None:
        self.setName(name)
        self.size = size
        self.share = share or size
        self._reactor = reactor
        self._grace = grace
        self._pool = ThreadPool(minthreads=0, maxthreads=size, name=name)
        self._pool.threadFactory = _daemon  # type: ignore[assignment]  # declared as the class Thread
        self._queues: dict[Hashable, deque[_Call]] = {}
        self._in_flight: Counter[Hashable] = Counter()
        self._idle: Deferred[None] | None = None
        self.durations = Durations()
        self.failed = 0
        self._has_settled = False
        self._retry = Timer(reactor, self._begin)
        self._refused = LoggedOnce(
            lambda reason: self.log.warn(
                "no {name} thread can be started, calls wait: {reason}", name=self.name, reason=reason
            )
        )

    @property
    def in_flight(self) -> int:
        """How many threads are busy now."""
        return self._in_flight.total()

    @property
    def waiting(self) -> int:
        """How many calls wait for a thread now."""
        return sum(map(len, self._queues.values()))

    def __call__(self, call: Callable[..., T], /, *args: Any, **kwargs: Any) -> Deferred[T]:
        """Run a call in a thread. :raises Stopped: by the Deferred, when the service does not run."""
        return self._submit(None, call, *args, **kwargs)

    def of(self, owner: Hashable) -> Run:
        """Return a ``Run`` for calls that belong to ``owner``."""
        return partial(self._submit, owner)

    @property
    def trouble(self) -> str:
        return line(self.condition)

    @property
    def condition(self) -> ThreadsBusy | ThreadsRefused | None:
        """The condition that calls wait although no owner has too many; None if nothing is wrong."""
        waiting = [call for queue in self._queues.values() for call in queue]
        longest = self._reactor.seconds() - min((call.since for call in waiting), default=self._reactor.seconds())
        if longest >= LONG_WAIT and self._retry.is_set:
            return ThreadsRefused(str(self.name), len(waiting), longest)
        if self._in_flight.total() < self.size or longest < LONG_WAIT:
            return None
        return ThreadsBusy(str(self.name), self.size, len(waiting), longest)

    def startService(self) -> None:
        super().startService()
        self._has_settled = False
        self._pool.start()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._retry.cancel()
        queues, self._queues = self._queues, {}
        for call in [call for queue in queues.values() for call in queue]:
            if not call.done.called:  # the end of one may have its caller cancel another
                call.done.errback(self._stopped())
        return Deferred.fromCoroutine(self._stop())

    def _stopped(self) -> Stopped:
        return Stopped(f"the {self.name} threads are stopped")

    def _submit(self, owner: Hashable, call: Callable[..., T], /, *args: Any, **kwargs: Any) -> Deferred[T]:
        if not self.running:
            return fail(self._stopped())
        done: Deferred[T] = Deferred(lambda _: self._withdraw(submitted))
        submitted = _Call(owner, partial(call, *args, **kwargs), self._reactor.seconds(), done)
        self._queues.setdefault(owner, deque()).append(submitted)
        self._begin()
        return done

    def _withdraw(self, call: _Call) -> None:
        """
        Withdraw a call that nobody waits for any more: one that has begun cannot be ended, one that has not is not
        made.
        """
        queue = self._queues.get(call.owner, deque())
        if call in queue:
            queue.remove(call)
            if not queue:
                del self._queues[call.owner]

    def _begin(self) -> None:
        """Begin the calls that may begin, one call of each owner in turn. See Note [Fair shares]."""
        while ready := [owner for owner in self._queues if self._in_flight[owner] < self.share]:
            free = self.size - self._in_flight.total()
            if not free:
                return
            for owner in ready[:free]:
                made = self._made(self._queues[owner][0].make)
                if made is None:
                    return
                queue = self._queues.pop(owner)
                call = queue.popleft()
                if queue:
                    self._queues[owner] = queue  # behind all others
                self._in_flight[owner] += 1
                made.addBoth(self._landed, call, self._reactor.seconds())

    def _made(self, make: Callable[[], Any]) -> Deferred[Any] | None:
        """Make a call in a thread; None: there is none, and another attempt follows. See Note [No thread left]."""
        before = len(self._pool.threads)
        try:
            made = deferToThreadPool(self._reactor, self._pool, make)
        except RuntimeError as error:
            # The pool would wait at its end for the one that it could not start.
            self._pool.threads[:] = [thread for thread in self._pool.threads if thread.ident is not None]
            self._refused.found(str(error))
            self._retry.set(RETRY)
            return None
        if len(self._pool.threads) > before:  # a thread that was there says nothing about others
            self._refused.found("")
        return made

    def _landed(self, result: Any, call: _Call, begun: float) -> None:
        self.durations.add(self._reactor.seconds() - begun)
        self.failed += isinstance(result, Failure)
        self._in_flight[call.owner] -= 1
        if not self._in_flight[call.owner]:
            del self._in_flight[call.owner]
        self._begin()
        if self._idle is not None and not self._in_flight:
            idle, self._idle = self._idle, None
            idle.callback(None)
        if not call.done.called:
            call.done.callback(result)

    async def settle(self) -> None:
        """Give the calls in flight their time to end, unless that was done: Note [Blocked threads]."""
        if self._in_flight and not self._has_settled:
            self._idle = Deferred()
            await self._idle.addTimeout(self._grace, self._reactor, lambda *_: None)
        self._has_settled = True

    async def _stop(self) -> None:
        await self.settle()
        if not self._in_flight:
            self._pool.stop()
        elif self._grace:
            count = self._in_flight.total()
            self.log.warn("{count} calls of the {name} threads did not end", count=count, name=self.name)


def _daemon(*args: Any, **kwargs: Any) -> threading.Thread:
    return threading.Thread(*args, **kwargs, daemon=True)
