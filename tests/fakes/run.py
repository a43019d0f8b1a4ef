"""A reactor and its threads, as far as loops ask for them: a clock, and calls that end when the test says so."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor

from daprdockr.runtime.pool import Run

T = TypeVar("T")

_NOT_YET = object()

MOST_CALLS = 10_000
"""Calls of one moment; a test in which there are more, as of an agent that never pauses, would not end."""


class LoopClock(Clock):
    """
    A clock that takes calls from threads as the reactor does: they happen in its next turn. Nobody connects to the unix
    sockets that it listens on.
    """

    def advance(self, amount: float) -> None:
        """As that of ``Clock``. :raises AssertionError: calls follow each other without a pause, and without an end."""
        self.rightNow += amount
        self._sortCalls()
        for _ in range(MOST_CALLS):
            if not self.calls or self.calls[0].getTime() > self.seconds():
                return
            call = self.calls.pop(0)
            call.called = 1
            call.func(*call.args, **call.kw)
            self._sortCalls()
        raise AssertionError(f"{MOST_CALLS} calls in one moment do not end: the last one was {call.func}")

    def callFromThread(self, call: Callable[..., object], *args: Any, **kwargs: Any) -> None:  # noqa: N802
        self.callLater(0, call, *args, **kwargs)

    def listenUNIX(self, address: str, factory: Any, mode: int = 0o666) -> Any:  # noqa: N802
        return MemoryReactor().listenUNIX(address, factory, mode=mode)


def run_at_once(call: Callable[..., T], /, *args: Any, **kwargs: Any) -> Deferred[T]:
    """A ``Run`` whose threads take no time."""
    return execute(call, *args, **kwargs)


class OnePool:
    """A ``Pool`` whose owners all have the same ``Run``."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def of(self, owner: Hashable) -> Run:
        return self._run


class HeldCall:
    """A call that waits for a thread. Its result is made at one moment, and arrives at another."""

    def __init__(self, call: Callable[[], Any], name: str) -> None:
        self.name = name
        self.arrived: Deferred[Any] = Deferred()
        self._call = call
        self._result: Any = _NOT_YET

    def perform(self) -> None:
        """The thread makes the call now; its outcome does not arrive yet."""
        try:
            self._result = self._call()
        except Exception as error:
            self._result = error

    def arrive(self) -> None:
        """The outcome is in the reactor's thread; made now unless ``perform`` did."""
        if self._result is _NOT_YET:
            self.perform()
        if isinstance(self._result, Exception):
            self.arrived.errback(self._result)
        else:
            self.arrived.callback(self._result)


class HeldRun:
    """A ``Run`` whose calls are ``waiting``, in the order they came, until the test takes and ends them."""

    def __init__(self) -> None:
        self.waiting: list[HeldCall] = []

    def __call__(self, call: Callable[..., T], /, *args: Any, **kwargs: Any) -> Deferred[T]:
        held = HeldCall(lambda: call(*args, **kwargs), getattr(call, "__name__", repr(call)))
        self.waiting.append(held)
        return held.arrived

    @property
    def names(self) -> list[str]:
        """The names of the calls that wait."""
        return [held.name for held in self.waiting]

    def take(self, name: str) -> HeldCall:
        """The oldest waiting call of this name, which is the test's to end."""
        held = next(held for held in self.waiting if held.name == name)
        self.waiting.remove(held)
        return held

    def end(self, name: str) -> None:
        """Make the oldest waiting call of this name, and let its outcome arrive."""
        self.take(name).arrive()
