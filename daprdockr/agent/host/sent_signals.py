# -*- test-case-name: tests.unit.agent.host.test_host,tests.unit.agent.host.test_sent_signals -*-
"""
The signals that containers were sent through the Engine, as its events report them. Knows no exit status.

A program that heeds its stop signal ends with exit status 0, as one does whose work is done. So an end soon after a
signal is no fault of the program: a person stopped it, or the Engine, which stops all containers when it ends itself.
Such an end is seen when the Engine answers again, which may be minutes later. So what counts is when it was as the
Engine says, by the clock that it has in common with this process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from daprdockr.model.host import ContainerState

LATE = 5.0
"""Seconds from the end of a container's ``StopTimeout`` until its end has nothing to do with the signal any more."""


class SentSignals:
    """:param wall: seconds since the epoch."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._at: dict[str, float] = {}

    def sent(self, container: str) -> None:
        """Take note that a container was sent a signal now."""
        self._at[container] = self._wall()

    def explain(self, ended: ContainerState) -> bool:
        """Return whether a container was sent a signal after its last start and shortly before its end; forget that."""
        at = self._at.pop(ended.id, None)
        return at is not None and at >= ended.started and ended.finished - at <= ended.stop_timeout + LATE

    def keep_only(self, containers: Collection[str]) -> None:
        """Forget the signals of all other containers."""
        self._at = {container: at for container, at in self._at.items() if container in containers}
