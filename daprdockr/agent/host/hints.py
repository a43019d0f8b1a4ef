"""
Hints that something happened to a container, on their way from the thread that receives them to inspections of the
container.

Note [One inspection at a time]
    A hint says only that an inspection is worthwhile, and the Engine may give any number of them: a container that
    comes and goes, or is paused again and again. So hints wait as a set, for one turn of the reactor; no container is
    inspected twice at once; and however many hints come during an inspection, one more follows it, because its result
    may be older than they are. More containers than ``MOST_WAITING`` are found by a list.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

MOST_WAITING = 1000


class Hints:
    """
    :param inspect: inspects one container; its Deferred never fails.
    :param list_all: lists all containers.
    """

    def __init__(self, reactor: Any, inspect: Callable[[str], Deferred[None]], list_all: Callable[[], object]) -> None:
        self._reactor = reactor
        self._inspect = inspect
        self._list_all = list_all
        self._lock = threading.Lock()
        self._waiting: dict[str, None] = {}  # in the order they came
        self._awake = False
        self._again: dict[str, bool] = {}  # by container that is being inspected

    def hint(self, container: str) -> None:
        """Take note that something happened to it; from any thread."""
        with self._lock:
            if len(self._waiting) < MOST_WAITING:
                self._waiting[container] = None
            if self._awake:
                return
            self._awake = True
        self._reactor.callFromThread(self._take)

    def _take(self) -> None:
        with self._lock:
            waiting, self._waiting, self._awake = self._waiting, {}, False
        if len(waiting) >= MOST_WAITING:
            self._again = dict.fromkeys(self._again, True)  # their results may be older than hints that were dropped
            self._list_all()
            return
        for container in waiting:
            if container in self._again:
                self._again[container] = True
            else:
                self._begin(container)

    def _begin(self, container: str) -> None:
        self._again[container] = False
        self._inspect(container).addCallback(self._inspected, container)

    def _inspected(self, _: None, container: str) -> None:
        if self._again.pop(container):
            self._begin(container)
