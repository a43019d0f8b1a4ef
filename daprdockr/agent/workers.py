"""
Threads for blocking calls, as a service: the ``Run`` of the seams.

Note [Blocked threads]
    A call to Docker may block for as long as it likes, and Python can not end a thread. ``ThreadPool.stop`` would wait
    for it, and with it the whole exit. So the threads are daemons, the stop waits a bounded time for calls in flight,
    and a pool that still has some then is left to the end of the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from daprdockr.model.errors import DaprdockrError

T = TypeVar("T")


class Stopped(DaprdockrError):
    """The agent is stopping; nothing new is begun."""


class Workers(Service):
    """
    A pool of at most ``size`` threads. Instances are callables: ``await workers(call, argument)``.

    :param grace: seconds that calls in flight are given when the service stops.
    """

    log = Logger()

    def __init__(self, *, name: str, size: int, reactor: Any, grace: float = 5.0) -> None:
        self.setName(name)
        self._reactor = reactor
        self._grace = grace
        self._pool = ThreadPool(minthreads=0, maxthreads=size, name=name)
        self._pool.threadFactory = _daemon  # type: ignore[assignment]  # declared as the class Thread
        self._in_flight = 0
        self._idle: Deferred[None] | None = None

    def __call__(self, call: Callable[..., T], /, *args: Any, **kwargs: Any) -> Deferred[T]:
        """:raises Stopped: through the Deferred, when the service does not run."""
        if not self.running:
            return fail(Stopped(f"the {self.name} threads are stopped"))
        self._in_flight += 1
        done: Deferred[T] = deferToThreadPool(self._reactor, self._pool, call, *args, **kwargs)
        return done.addBoth(self._landed)

    def startService(self) -> None:
        super().startService()
        self._pool.start()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def _landed(self, result: Any) -> Any:
        self._in_flight -= 1
        if self._idle is not None and not self._in_flight:
            idle, self._idle = self._idle, None
            idle.callback(None)
        return result

    async def _stop(self) -> None:
        """See Note [Blocked threads]."""
        if self._in_flight:
            self._idle = Deferred()
            await self._idle.addTimeout(self._grace, self._reactor, lambda *_: None)
        if self._in_flight:
            self.log.warn("{count} calls of the {name} threads did not end", count=self._in_flight, name=self.name)
            return
        self._pool.stop()


def _daemon(*args: Any, **kwargs: Any) -> threading.Thread:
    return threading.Thread(*args, **kwargs, daemon=True)
