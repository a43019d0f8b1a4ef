"""Calls whose errors end nothing, and loops of such calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.runtime.workers import Stopped

_log = Logger()


def attempted(call: Callable[[], object], failing: str) -> Deferred[object]:
    """
    Make a call that may return a Deferred or a coroutine, and log its error. That the threads are stopping is none.

    :param failing: what could not be done then, as a line of the log.
    """

    def failed(failure: Failure) -> None:
        if not failure.check(Stopped):
            _log.failure("{failing}", failure, failing=failing)

    return maybeDeferred(call).addErrback(failed)


def lasting(reactor: IReactorTime, call: Callable[[], object], failing: str) -> LoopingCall:
    """Return a loop of ``attempted``: a LoopingCall ends for good when its function fails."""
    loop = LoopingCall(partial(attempted, call, failing))
    loop.clock = reactor
    return loop
