# -*- test-case-name: tests.unit.agent.host.test_host -*-
"""
The signals that containers were sent through the Engine, as its events report them. Knows no exit status.

A program that heeds its stop signal ends with exit status 0, as one does whose work is done. So an end soon after a
signal is no fault of the program: a person stopped it, or the Engine, which stops all containers when it ends itself.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from daprdockr.model.host import ContainerState

LATE = 5.0
"""Seconds from the end of a container's ``StopTimeout`` until its end has nothing to do with the signal any more."""


class SentSignals:
    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._at: dict[str, float] = {}
        self._died: dict[str, float] = {}

    def sent(self, container: str) -> None:
        """Take note that a container was sent a signal now."""
        self._at[container] = self._reactor.seconds()

    def died(self, container: str) -> None:
        """Take note that a container ended now: an Engine that is restarted may long not say how."""
        self._died[container] = self._reactor.seconds()

    def explain(self, ended: ContainerState) -> bool:
        """Return whether a container that has ended was sent a signal shortly before, and forget that."""
        at, died = self._at.pop(ended.id, None), self._died.pop(ended.id, self._reactor.seconds())
        return at is not None and died - at <= ended.stop_timeout + LATE

    def forget(self, container: str) -> None:
        """Forget the signals of a container that was started again."""
        self._at.pop(container, None)
        self._died.pop(container, None)

    def keep_only(self, containers: Collection[str]) -> None:
        """Forget the signals of all other containers."""
        self._at = {container: at for container, at in self._at.items() if container in containers}
        self._died = {container: at for container, at in self._died.items() if container in containers}
