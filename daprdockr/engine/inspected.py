# -*- test-case-name: tests.unit.engine.test_docker_engine -*-
"""
A cache of inspected containers, valid for as long as a list shows that they have not changed.

Note [What a list need not ask again]
    The Engine's list of containers lacks what a stopped one left (exit code, times, host ports); asking for each
    container costs one more request. The list does show whether a container was started, stopped or judged since it was
    last inspected (``answers.fingerprint``), so only those containers are inspected again, and those that the event
    stream reported. A new stream discards the whole cache, because nobody reported what happened before it. One case
    remains: a container that was started and ended again with the same exit code while no stream was open keeps the
    times of its former run.

    A container that is reported while it is being inspected may have been inspected just before that. So such a result
    is returned, and not kept.

Note [A container that cannot be inspected]
    Of a container whose layer was lost, as by a power cut, an Engine lists the labels and fails each inspection. One
    such container must not make all others unknown. So after ``BROKEN_SECONDS`` of failures it is passed over; but
    never one that the list shows as running: to an agent it would be gone, and be started a second time. It keeps its
    name, so the next one of its instance gets another (``agent.reconcile.creating``).

    A start without an end, as of a volume whose server is away, locks its container: no inspection of it is answered.
    It is passed over as well, or is as it was before if it runs. A list waits for one such container, and for one that
    it meets for the first time; after that the Engine may answer nothing at all, and the list fails.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from time import monotonic
from typing import Any

from daprdockr.engine import answers
from daprdockr.model.host import ContainerState

Inspect = Callable[[str], ContainerState | None]
"""Asks the Engine for one container, by its id."""

BROKEN_SECONDS = 10.0
"""See Note [A container that cannot be inspected]."""

_ENDED = ("created", "exited", "dead")
NOT_RUNNING = (*_ENDED, "removing")
"""The states of a list in which a container does not run."""


class InspectedContainers:
    """
    A cache of states by container id, safe to use from several threads.

    :param clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[str, ContainerState] = {}
        self._known: dict[str, tuple[tuple[object, ...], ContainerState | None]] = {}
        self._reports: dict[str, int] = {}
        self._streams = 0
        self._unreadable: set[str] = set()
        self._broken: dict[str, float] = {}

    def state(self, summary: Mapping[str, Any], inspect: Inspect) -> ContainerState | None:
        """Return the state of a container of the Engine's list, inspected now if the list shows that it changed."""
        container, mark = summary["Id"], answers.fingerprint(summary)
        with self._lock:
            known, age = self._known.get(container), self._age(container)
        if known is None or known[0] != mark:
            known = (mark, inspect(container))
            with self._lock:
                if age == self._age(container):
                    self._known[container] = known
        with self._lock:
            self._broken.pop(container, None)
            if known[1] is not None:
                self._last[container] = known[1]
        return known[1]

    def last(self, container: str) -> ContainerState | None:
        """Return the state that was found last, however long ago."""
        with self._lock:
            return self._last.get(container)

    def is_broken(self, container: str) -> bool:
        """Return whether its last inspection failed."""
        with self._lock:
            return container in self._broken

    def _age(self, container: str) -> tuple[int, int]:
        """Return a value that differs after each report of the container, and for each stream."""
        return self._streams, self._reports.get(container, 0)

    def is_passed_over(self, summary: Mapping[str, Any], begun: float) -> bool:
        """Return whether to do without a container of the list whose inspection, ``begun`` then, has failed now."""
        with self._lock:
            since = self._broken.setdefault(summary["Id"], begun)
        return summary["State"] in _ENDED and self._clock() - since >= BROKEN_SECONDS

    def is_newly_unreadable(self, container: str) -> bool:
        """Return whether this is the first report since the container was listed that it cannot be read."""
        with self._lock:
            is_new = container not in self._unreadable
            self._unreadable.add(container)
        return is_new

    def keep(self, listed: Collection[str]) -> None:
        """Forget all containers but those."""
        with self._lock:
            for kept in (self._known, self._last, self._reports, self._broken):
                for container in kept.keys() - set(listed):
                    del kept[container]
            self._unreadable.intersection_update(listed)

    def forget(self, container: str) -> None:
        """Have a container inspected again by the next list."""
        with self._lock:
            self._known.pop(container, None)
            self._reports[container] = self._reports.get(container, 0) + 1

    def forget_all(self) -> None:
        """Have every container inspected again by the next list."""
        with self._lock:
            self._known.clear()
            self._streams += 1
