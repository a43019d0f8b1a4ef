# -*- test-case-name: tests.unit.agent.host.test_stuck -*-
"""
The containers in which no command begins, although Engine and containerd answer.

Note [Stuck, or only slow]
    A host with much to do begins commands late, too, and replacing containers would give it still more to do. So the
    first such commands say nothing about the container; only when none has begun in it for ``STUCK`` seconds is it the
    container that hangs.
"""

from __future__ import annotations

STUCK = 30.0
"""See Note [Stuck, or only slow]."""

_FORGOTTEN = 3600.0
"""Seconds after which a container that was not asked again is forgotten: it is gone."""


class StuckCommands:
    """Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def did_not_begin(self, container: str, asked: float, now: float) -> bool:
        """Take note of a command that was ``asked`` then and did not begin; return whether the container hangs."""
        for gone in [one for one, at in self._last.items() if now - at > _FORGOTTEN]:
            self.began(gone)
        self._last[container] = now
        return now - self._since.setdefault(container, asked) >= STUCK

    def began(self, container: str) -> None:
        """Take note that a command began in the container."""
        self._since.pop(container, None)
        self._last.pop(container, None)
