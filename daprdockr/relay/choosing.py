# -*- test-case-name: tests.unit.relay.test_choosing,tests.unit.relay.test_streams -*-
"""
Which instance the next connection or client of a port goes to: the one with the fewest, of equal ones a local one.

Each port counts its own; the other nodes count theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections import Counter
from collections.abc import Callable, Collection

from daprdockr.relay.message import Destination, PortRoute

LEFT_OUT = 2.0
"""
Seconds in which a destination that took no connection is left out, unless there is no other; and in which, if it did
not even refuse one, those at other addresses go before the others of its host, which may be away.
"""

AGAIN = 0.25
"""Seconds until a client tries all instances again after each of them refused, when few clients wait."""

MOST_TRIES = 400
"""
Connections a second that all waiting clients of a port try together. Each takes as long as one that succeeds, so more
would take the time of all other ports.
"""

OUR_FAULT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""Errors of an attempt that say nothing of the destination."""

Place = tuple[str, int]


class Choice:
    """
    The destinations of one port.

    :param clock: seconds of any clock that never goes back.
    """

    def __init__(self, route: PortRoute, clock: Callable[[], float]) -> None:
        self.route = route
        self._clock = clock
        self._used: Counter[Place] = Counter()
        self._left_out: dict[Place, float] = {}
        self._silent: dict[str, float] = {}
        self._turn = 0
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def used(self) -> int:
        """How many connections or clients there are."""
        return self._used.total()

    def take(self, route: PortRoute) -> None:
        """Lead to other destinations from now on. Connections that exist keep theirs."""
        if route == self.route:
            return
        self.route = route
        there = {_place(one) for one in route.destinations}
        self._left_out = {place: until for place, until in self._left_out.items() if place in there}
        addresses = {address for address, _ in there}
        self._silent = {address: until for address, until in self._silent.items() if address in addresses}
        self._wake()

    def _wake(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    def has(self, destination: Destination) -> bool:
        """Return whether it is still one of ours."""
        return any(_place(one) == _place(destination) for one in self.route.destinations)

    def pick(self, tried: Collection[Destination] = ()) -> Destination | None:
        """Return the best one that was not tried yet and count a use of it; None: there is none."""
        now = self._clock()
        others = [one for one in self.route.destinations if one not in tried]
        usable = [one for one in others if self._left_out.get(_place(one), now) <= now] or others
        if not usable:
            return None
        self._turn += 1
        first = self._turn % len(usable)
        # the turn is only for those that are equal in all else
        best = min(usable[first:] + usable[:first], key=lambda one: self._rank(one, now))
        self._used[_place(best)] += 1
        return best

    def release(self, destination: Destination) -> None:
        """End a use that ``pick`` counted."""
        self._used[_place(destination)] -= 1
        if self._used[_place(destination)] <= 0:
            del self._used[_place(destination)]

    def _rank(self, destination: Destination, now: float) -> tuple[bool, int, bool]:
        is_silent = self._silent.get(destination.address, now) > now
        return is_silent, self._used[_place(destination)], not destination.local

    def leave_out(self, destination: Destination, silent: bool = False) -> None:
        """Take note that it took no connection; ``silent``: that it did not even refuse one."""
        until = self._clock() + LEFT_OUT
        self._left_out[_place(destination)] = until
        if silent:
            self._silent[destination.address] = until

    def pause(self, tried: int) -> float:
        """Return how long a client waits before it tries so many destinations again."""
        return max(AGAIN, len(self._waiting) * tried / MOST_TRIES)

    def took_one(self) -> None:
        """Take note that a destination took a connection: it may take those of the clients that wait."""
        self._wake()

    async def changed(self, seconds: float) -> None:
        """Wait until other destinations, or one that takes connections, may be there; so many seconds at most."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await waiting
        finally:
            self._waiting.discard(waiting)


def _place(destination: Destination) -> Place:
    return destination.address, destination.port
