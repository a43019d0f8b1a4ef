# -*- test-case-name: tests.unit.engine.test_docker_engine -*-
"""
The containers that cannot be started, because containerd still has the task of their former run.

Such a container is lost only after ``LEFT_SECONDS``; then another one has to take its place.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen

LEFT_SECONDS = 5.0
"""For so long an Engine that has just started may not know yet which containers containerd still has."""


@frozen
class LeftTasks:
    """:param clock: monotonic seconds."""

    clock: Callable[[], float]
    _since: dict[str, float] = field(factory=dict, init=False)

    def found(self, container: str) -> None:
        """Take note that a start failed because of the former task."""
        self._since.setdefault(container, self.clock())

    def forget(self, container: str) -> None:
        """Take note that a container was started, or is gone."""
        self._since.pop(container, None)

    def is_lost(self, container: str) -> bool:
        """Return whether containerd has held on to a container for so long that it will not let it go."""
        since = self._since.get(container)
        return since is not None and self.clock() - since >= LEFT_SECONDS
