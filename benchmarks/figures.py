"""The measured figures, as values: seconds by row and column, their medians and ratios. Pure; knows no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

from attrs import Factory, frozen


@frozen
class Spread:
    """Some values of one kind: the middle one, the ends, and how many there are."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """:raises ValueError: if there are no values."""
        ordered = sorted(values)
        if not ordered:
            raise ValueError("no values have no median")
        return cls(median(ordered), ordered[0], ordered[-1], len(ordered))

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.low:.2f}..{self.high:.2f}]"


@frozen
class Figures:
    """Seconds, in the order they were measured. A row is what was measured, a column under which circumstances."""

    _values: dict[tuple[str, str], list[float]] = Factory(dict)

    def add(self, column: str, seconds: Mapping[str, float]) -> None:
        """Take over what one round measured, by row."""
        for row, value in seconds.items():
            self._values.setdefault((row, column), []).append(value)

    def values(self, row: str, column: str) -> tuple[float, ...]:
        return tuple(self._values.get((row, column), ()))

    def spread(self, row: str, column: str) -> Spread | None:
        values = self.values(row, column)
        return Spread.of(values) if values else None

    def ratio(self, row: str, other: str, column: str) -> float | None:
        """How many times as long ``row`` takes as ``other``, by their medians; None if one was not measured."""
        one, two = self.spread(row, column), self.spread(other, column)
        return one.median / two.median if one and two and two.median else None
