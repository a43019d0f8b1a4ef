"""
Which endpoint to use, shared by all clients of one etcd, so that each benefits from what another one detects.

Note [Detected by the beats]
    A watch on a member whose host is gone is deaf until HTTP/2 pings detect it, which takes up to 7 s: longer than a
    lease. But every third of a lease a beat goes to the same member, and is answered within a sixth or not at all. So
    beats, watch and all other calls use the same endpoint, and when one of them is not answered there all move on: the
    watch ends at once and is opened on the next member.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Failover:
    """
    The choice of an endpoint: a number that only grows, modulo the number of endpoints. Safe to use from several
    threads.

    :param number: the first choice, so that not all clients begin with the same endpoint.
    """

    def __init__(self, number: int = 0) -> None:
        self._number = number
        self._lock = threading.Lock()
        self._waiting: set[Callable[[], None]] = set()

    @property
    def number(self) -> int:
        return self._number

    def move_on(self, number: int) -> None:
        """Choose the next endpoint, because the one of this choice did not answer; a no-op if that has happened."""
        with self._lock:
            if number != self._number:
                return
            self._number += 1
            waiting, self._waiting = self._waiting, set()
        for call in waiting:
            call()

    def when_moved(self, number: int, call: Callable[[], None]) -> None:
        """Call once, in any thread, when another endpoint is chosen than this one; at once if it already is."""
        with self._lock:
            if number == self._number:
                self._waiting.add(call)
                return
        call()

    def forget(self, call: Callable[[], None]) -> None:
        """Cancel a call registered with ``when_moved``."""
        with self._lock:
            self._waiting.discard(call)
