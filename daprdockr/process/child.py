# -*- test-case-name: tests.unit.process.test_supervised -*-
"""
The two ways to hold a running process: as our child, or by a pidfd when another agent started it.

Both know its pid, signal it, report its end once, and can release it. Neither knows why it runs.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from daprdockr.process.output import LineSplitter

Ended = Callable[[str], None]
"""Called once, in the reactor's thread, with the reason as text."""


class Hold(Protocol):
    """A process that runs, as far as we know."""

    pid: int

    @property
    def closed(self) -> Deferred[None]:
        """Fires when nothing of it is held any more, its pipes included, or it was released."""

    def signal(self, number: int) -> None:
        """Signal it; a no-op when it just ended."""

    def release(self) -> None:
        """Let go of it: its end is not reported any more."""


class Child(ProcessProtocol):
    """
    A process that we started.

    Its end is ``processExited``: ``processEnded`` waits until its surviving children close its pipes.
    """

    def __init__(self, started: Callable[[Child], None], ended: Ended, lines: LineSplitter | None) -> None:
        self.pid = 0
        self.closed: Deferred[None] = Deferred()
        self._started = started
        self._ended: Ended | None = ended
        self._lines = lines

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.pid = self.transport.pid
        self._started(self)

    def outReceived(self, data: bytes) -> None:
        if self._lines is not None:
            self._lines.feed(data)

    def errReceived(self, data: bytes) -> None:
        self.outReceived(data)

    def processExited(self, reason: Failure) -> None:
        if self._ended is not None:
            self._ended(_in_words(reason.value))

    def processEnded(self, reason: Failure) -> None:
        if self._lines is not None:
            self._lines.end()
        if not self.closed.called:
            self.closed.callback(None)

    def signal(self, number: int) -> None:
        assert self.transport is not None
        with contextlib.suppress(ProcessExitedAlready):
            self.transport.signalProcess(number)

    def release(self) -> None:
        self._ended = None
        if not self.closed.called:
            self.closed.callback(None)


def _in_words(ending: Any) -> str:
    number = getattr(ending, "signal", None)
    if number is None:
        return f"exit status {getattr(ending, 'exitCode', None) or 0}"
    try:
        return f"killed by {signal.Signals(number).name}"
    except ValueError:  # of the signals for real time (signal(7)) only the first and the last have names
        return f"killed by signal {number}"


@implementer(IReadDescriptor)
class Adopted:
    """A process that another agent started: a pidfd becomes readable when it ends (pidfd_open(2))."""

    def __init__(self, pid: int, descriptor: int, reactor: Any, ended: Ended) -> None:
        self.pid = pid
        self.closed: Deferred[None] = Deferred()
        self._descriptor = descriptor
        self._reactor = reactor
        self._ended = ended
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._descriptor

    def logPrefix(self) -> str:
        return "adopted process"

    def doRead(self) -> None:
        self.release()
        self._ended("ended; its exit status went to the process that inherited it")

    def connectionLost(self, reason: Failure) -> None:
        self.release()

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    def release(self) -> None:
        if self._descriptor >= 0:
            self._reactor.removeReader(self)
            os.close(self._descriptor)
            self._descriptor = -1
            self.closed.callback(None)
