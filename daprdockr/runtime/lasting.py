"""A loop that no error of its function ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

_log = Logger()


def lasting(reactor: Any, call: Callable[[], object], failing: str) -> LoopingCall:
    """
    Return a LoopingCall of ``call``, which may return a Deferred, and which may fail.

    :param failing: what could not be done then, as a line of the log; the next call comes in its time.
    """
    loop = LoopingCall(
        lambda: maybeDeferred(call).addErrback(lambda failure: _log.failure("{failing}", failure, failing=failing))
    )
    loop.clock = reactor
    return loop
