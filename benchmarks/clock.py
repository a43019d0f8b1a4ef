"""
The times of events: of containers by the Engine's own stamps, of definitions and claims by etcd's watch.

Note [One clock]
    All times are nanoseconds of the wall clock. The Engine stamps a container's ``start`` event when the container
    runs; for all contestants that stamp counts, and not when this process, which has to share the processors, came to
    read it. Events of etcd have no stamp, so there the arrival here counts, in a thread that does nothing else; it is
    late rather than early. The Engine runs on this machine; a step of its clock during a run spoils that run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

from docker import APIClient
from docker.errors import DockerException
from requests import RequestException

from daprdockr.model.errors import EtcdError
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Entry

PATIENCE = 60.0
"""Seconds that anything waited for may take."""

NANO = 1e-9


class BenchFailed(Exception):
    """One line that says what did not happen."""


def now() -> int:
    return time.time_ns()


def seconds(begin: int, end: int) -> float:
    return (end - begin) * NANO


class Starts:
    """The starts of the containers with one label, from the moment this was made; ``close`` it."""

    def __init__(self, engine: str, label: str) -> None:
        self._label = label
        self._told: SimpleQueue[tuple[int, str]] = SimpleQueue()
        self._client = APIClient(base_url=engine, version="auto")
        self._stream = self._client.events(
            decode=True, filters={"type": ["container"], "event": ["start"], "label": [label]}
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(AttributeError, ValueError, OSError, DockerException, RequestException):  # close() ends it
            for event in self._stream:
                self._told.put((event["timeNano"], event["id"]))

    def last_of(self, count: int, since: int) -> int:
        """When the last of ``count`` containers started. :raises BenchFailed: if they did not in time."""
        started: dict[str, int] = {}
        deadline = time.monotonic() + PATIENCE
        while len(started) < count:
            try:
                moment, container = self._told.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                told = f"{len(started)} of {count} containers with {self._label} started within {PATIENCE:g} s"
                raise BenchFailed(told) from None
            if moment >= since:
                started.setdefault(container, moment)
        return max(started.values())

    def close(self) -> None:
        with suppress(AttributeError, OSError, DockerException, RequestException):
            self._stream.close()
        self._client.close()


class Changes:
    """The changes in etcd below a prefix, from the moment this was made; ``close`` it."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._told: SimpleQueue[tuple[int, Entry] | EtcdError] = SimpleQueue()
        self._watch = store.watch(prefix, store.list(prefix).revision + 1)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for batch in self._watch:
                moment = now()
                for change in batch.changes:
                    if isinstance(change, Entry):
                        self._told.put((moment, change))
        except EtcdError as error:
            self._told.put(error)

    def until(self, done: Callable[[Entry], bool], what: str) -> int:
        """When the first entry came for which ``done`` holds. :raises BenchFailed: if none did in time."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                told = self._told.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                raise BenchFailed(f"{what}: not seen in etcd within {PATIENCE:g} s") from None
            if isinstance(told, EtcdError):
                raise BenchFailed(f"{what}: {told}")
            if done(told[1]):
                return told[0]

    def close(self) -> None:
        self._watch.close()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll for what gives no event. :raises BenchFailed: if it does not come true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise BenchFailed(f"{what}: not within {PATIENCE:g} s")
        time.sleep(0.02)
