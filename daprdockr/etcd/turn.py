"""
Which endpoint's turn it is: known to all that speak to one etcd, so that what one finds out serves the others.

Note [Found out by the beats]
    A watch on a member whose host is gone is deaf until the pings of HTTP/2 find out, which takes up to 7 s: longer
    than a lease. But each third of a lease a beat goes to the same member, and has its answer or not within a sixth.
    So beats, watch and all other calls keep to the same endpoint, and when one of them is not answered there the turn
    passes for all: the watch ends at once and is opened on the next member.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Turn:
    """
    A number that only grows; an endpoint is its remainder. Safe to use from several threads.

    :param number: to begin with, so that not all clients begin with the same endpoint.
    """

    def __init__(self, number: int = 0) -> None:
        self._number = number
        self._lock = threading.Lock()
        self._waiting: set[Callable[[], None]] = set()

    @property
    def number(self) -> int:
        return self._number

    def pass_on(self, number: int) -> None:
        """The endpoint of this turn did not answer; if it still is its turn, it is the next one's."""
        with self._lock:
            if number != self._number:
                return
            self._number += 1
            waiting, self._waiting = self._waiting, set()
        for call in waiting:
            call()

    def when_passed(self, number: int, call: Callable[[], None]) -> None:
        """Call once, in whatever thread, when it is not this turn any more; at once if it is not now."""
        with self._lock:
            if number == self._number:
                self._waiting.add(call)
                return
        call()

    def forget(self, call: Callable[[], None]) -> None:
        """It need not be called any more."""
        with self._lock:
            self._waiting.discard(call)
