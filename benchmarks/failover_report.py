"""
The figures of ``failover`` as a table for people, with the goals beside them. Pure.

The goal is the third row of the design's figures; one that is missed is marked, and is no failure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from attrs import Factory, frozen

from benchmarks.figures import Figures, Spread
from benchmarks.report import ABSENT, aligned, judged

ANY, LEADER, OTHER = "any host", "the leader's host", "another host"
"""Columns of the figures: which host was cut off. Each round stands in the first, and in one of the others."""

HEALED = "from the heal until settled"

HEAD_START = 2.0
"""The goal: so many seconds more than the lease lasts."""

TITLES = ("seconds from the cut: median [min..max]", ANY, LEADER, OTHER, "goal", "the median", "the longest")


@frozen
class Contender:
    """
    A system that is measured.

    :ivar stages: the conditions that are waited for, in this order; the last one counts.
    :ivar lease: seconds after which a silent node's instances are free; 0 where there is no goal.
    """

    name: str
    stages: tuple[str, ...]
    lease: int = 0

    def row(self, stage: str) -> str:
        """Where a stage, or what comes after the heal, stands among the figures."""
        return self.name if stage == self.stages[-1] else f"{self.name}: {stage}"

    @property
    def limit(self) -> float | None:
        return self.lease + HEAD_START if self.lease else None


@frozen
class Kept:
    """
    The containers that ran on the other hosts before a heal, and those lost after it.

    :ivar ran: how many there were, over all rounds. :ivar lost: how many of them were stopped or restarted.
    """

    ran: int = 0
    lost: int = 0

    def __add__(self, other: Kept) -> Kept:
        return Kept(self.ran + other.ran, self.lost + other.lost)


@frozen
class Result:
    """All that was measured. ``kept``, and how often which ``shares`` were seen, by the name of the contender."""

    figures: Figures = Factory(Figures)
    kept: dict[str, Kept] = Factory(dict)
    shares: dict[str, Counter[str]] = Factory(dict)

    def add_placement(self, contender: Contender, shares: str) -> None:
        """Take note of how new instances were placed, as in 4/4/4."""
        self.shares.setdefault(contender.name, Counter())[shares] += 1

    def add(self, contender: Contender, leaders: bool, seconds: Mapping[str, float], kept: Kept) -> None:
        """Take over one round, in which the leader's host was cut off or another one; ``seconds`` is by stage."""
        by_row = {contender.row(stage): value for stage, value in seconds.items()}
        for column in (ANY, LEADER if leaders else OTHER):
            self.figures.add(column, by_row)
        self.kept[contender.name] = self.kept.get(contender.name, Kept()) + kept


def report(result: Result, contenders: Sequence[Contender]) -> str:
    """Everything that was measured."""
    rows: list[Sequence[str]] = [TITLES]
    for contender in contenders:
        rows += _rows(result.figures, contender)
    lines = [*aligned(rows), "", *_all_rounds(result.figures, contenders), "", "new instances on the hosts:"]
    return "\n".join([*lines, *_placed(result, contenders), "", "after the heal:", *_healed(result, contenders)])


def _rows(figures: Figures, contender: Contender) -> Iterable[Sequence[str]]:
    """The row of the last stage, which counts, then those of the stages before it."""
    *before, last = contender.stages
    limit = contender.limit
    goal = ABSENT if limit is None else f"{limit:.2f}"
    yield [contender.name, *_spreads(figures, contender.row(last)), goal, *_verdicts(figures, contender)]
    for stage in before:
        yield [f"  {stage}", *_spreads(figures, contender.row(stage)), "", "", ""]


def _spreads(figures: Figures, row: str) -> list[str]:
    return [str(figures.spread(row, column) or ABSENT) for column in (ANY, LEADER, OTHER)]


def _verdicts(figures: Figures, contender: Contender) -> list[str]:
    spread, limit = _spread(figures, contender), contender.limit
    if spread is None or limit is None:
        return [ABSENT, ABSENT]
    return [judged(spread.median, limit), judged(spread.high, limit)]


def _spread(figures: Figures, contender: Contender) -> Spread | None:
    return figures.spread(contender.name, ANY)


def _all_rounds(figures: Figures, contenders: Iterable[Contender]) -> Iterable[str]:
    """Every value, because the longest there is somebody's outage."""
    for contender in contenders:
        told = {column: figures.values(contender.name, column) for column in (LEADER, OTHER)}
        parts = [
            f"{column} {' '.join(f'{v:.2f}' for v in sorted(values))}" for column, values in told.items() if values
        ]
        yield f"all rounds, {contender.name}: {'; '.join(parts) or ABSENT}"


def _placed(result: Result, contenders: Iterable[Contender]) -> Iterable[str]:
    for contender in contenders:
        seen = result.shares.get(contender.name, Counter()).most_common()
        yield f"{contender.name}: {', '.join(f'{count} times {shares}' for shares, count in seen) or ABSENT}"


def _healed(result: Result, contenders: Iterable[Contender]) -> Iterable[str]:
    for contender in contenders:
        spread = result.figures.spread(contender.row(HEALED), ANY)
        kept = result.kept.get(contender.name, Kept())
        took = f"settled within {spread} s" if spread else "not measured"
        yield f"{contender.name}: {took}; {kept.lost} of {kept.ran} containers of the other hosts stopped or restarted"
