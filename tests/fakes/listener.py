"""A follower's listener that keeps its calls, and pauses that end when the test says so."""

from __future__ import annotations

import queue
import threading
from typing import Any

from daprdockr.model.errors import EtcdError
from daprdockr.model.stored.entries import Batch, Listing

PATIENCE = 60.0
"""Seconds after which a test fails for a call that did not come."""


class MemoryListener:
    """Implements ``daprdockr.etcd.follow.Listener``; ``told`` has the arguments in order."""

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[Listing | Batch | EtcdError] = queue.SimpleQueue()
        self.threads: set[int] = set()
        self.fault: Exception | None = None

    def listed(self, listing: Listing) -> None:
        self._tell(listing)

    def changed(self, batch: Batch) -> None:
        self._tell(batch)

    def lost(self, error: EtcdError) -> None:
        self._tell(error)

    def next(self) -> Any:
        """The argument of the next call. :raises queue.Empty: none came, within all patience."""
        return self.told.get(timeout=PATIENCE)

    def _tell(self, what: Listing | Batch | EtcdError) -> None:
        self.threads.add(threading.get_ident())
        self.told.put(what)
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault


class MemoryPause:
    """Takes the place of ``threading.Event.wait``: a pause lasts until the test ends it, or the follower stops."""

    def __init__(self, relist: float) -> None:
        self._relist = relist
        self._asked: queue.SimpleQueue[float] = queue.SimpleQueue()
        self._due = threading.Semaphore(0)
        self._retry = threading.Semaphore(0)

    def __call__(self, stopping: threading.Event, seconds: float) -> bool:
        ended = self._due if seconds == self._relist else self._retry
        if ended is self._retry:
            self._asked.put(seconds)
        while not ended.acquire(timeout=0.01):
            if stopping.is_set():
                return True
        return stopping.is_set()

    def end_relist(self) -> None:
        self._due.release()

    def end_backoff(self) -> float:
        """End the pause after a failure, the next one if none has begun; returns its seconds."""
        seconds = self._asked.get(timeout=PATIENCE)
        self._retry.release()
        return seconds
