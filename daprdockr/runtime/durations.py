"""How long something took, counted in classes; what is counted, and who reads it, is no business of this module."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from attrs import frozen

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""The upper bounds of the classes in seconds; the last class has none."""


@frozen
class Distribution:
    """How many durations each class has, in the order of ``BOUNDS`` with the open one at the end, and their sum."""

    counts: tuple[int, ...]
    seconds: float

    @property
    def cumulative(self) -> Sequence[tuple[float | None, int]]:
        """For each bound (None: no bound) the number of durations up to it."""
        total, found = 0, []
        for bound, count in zip((*BOUNDS, None), self.counts, strict=True):
            total += count
            found.append((bound, total))
        return found


class Durations:
    """A count for each class. In the reactor's thread only."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds

    def read(self) -> Distribution:
        """Return the counts as they are now."""
        return Distribution(tuple(self._counts), self._seconds)
