"""
The figures of ``rollout`` as tables for people, with the goal beside them. Pure.

The goal is that no request is lost; one that is missed is marked, and is no failure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from attrs import Factory, frozen

from benchmarks.figures import Spread
from benchmarks.report import ABSENT, aligned

TITLES = (
    "instances",
    "on TERM",
    "who",
    "seconds: median [min..max]",
    "sent",
    "lost",
    "in 10,000",
    "skipped",
    "slowest",
)
AT_REST = ("while nothing changes", "sent", "lost", "skipped", "median ms", "p99 ms")
ENOUGH = 20_000
"""Requests of a row after which a verdict says something."""

SHOWN = 4
MILLI = 1e3


@frozen
class Case:
    """How many instances are replaced, and what each of them does on TERM."""

    instances: int
    on_term: str


@frozen
class Asked:
    """
    Requests of a while, summed up.

    :ivar skipped: those that were due but not sent, because the machine or the door was too slow.
    :ivar median: seconds, as ``p99`` and ``slowest``: the longest of the whiles that were summed up.
    """

    sent: int = 0
    skipped: int = 0
    lost: Counter[str] = Factory(Counter)
    median: float = 0.0
    p99: float = 0.0
    slowest: float = 0.0

    def __add__(self, other: Asked) -> Asked:
        return Asked(
            self.sent + other.sent,
            self.skipped + other.skipped,
            self.lost + other.lost,
            max(self.median, other.median),
            max(self.p99, other.p99),
            max(self.slowest, other.slowest),
        )

    @property
    def losses(self) -> int:
        return sum(self.lost.values())


@frozen
class Cell:
    """The rollouts of one contender in one case: the seconds of each, and the requests sent meanwhile."""

    seconds: tuple[float, ...] = ()
    asked: Asked = Asked()


@frozen
class Result:
    """All that was measured, by case and contender, and by contender while nothing changed."""

    cells: dict[tuple[Case, str], Cell] = Factory(dict)
    rest: dict[str, Asked] = Factory(dict)

    def add(self, case: Case, who: str, seconds: float, asked: Asked) -> None:
        before = self.cells.get((case, who), Cell())
        self.cells[case, who] = Cell((*before.seconds, seconds), before.asked + asked)

    def add_rest(self, who: str, asked: Asked) -> None:
        self.rest[who] = self.rest.get(who, Asked()) + asked


def report(result: Result, ours: str, theirs: str) -> str:
    """Everything that was measured; ``ours`` is compared with ``theirs``."""
    rows: list[Sequence[str]] = [TITLES]
    for case in _cases(result):
        rows += _rows(result, case, ours, theirs)
    rest: list[Sequence[str]] = [AT_REST, *(_rest(who, asked) for who, asked in result.rest.items())]
    verdicts = [f"goal, no request lost: {_verdict(result, ours)}"]
    return "\n".join([*aligned(rows), "", *aligned(rest), "", *verdicts, *_reasons(result, (ours, theirs))])


def _cases(result: Result) -> list[Case]:
    """In the order of their measuring."""
    return list(dict.fromkeys(case for case, _ in result.cells))


def _rows(result: Result, case: Case, ours: str, theirs: str) -> Iterable[Sequence[str]]:
    where = [str(case.instances), case.on_term]
    cells = {who: result.cells[case, who] for who in (ours, theirs) if (case, who) in result.cells}
    for who, cell in cells.items():
        yield [*where, who, *_figures(cell)]
        where = ["", ""]
    if len(cells) == 2:
        one, other = (Spread.of(cells[who].seconds).median for who in (ours, theirs))
        yield ["", "", "ratio", f"{one / other:.2f} x" if other else ABSENT, "", "", "", "", ""]


def _figures(cell: Cell) -> list[str]:
    asked = cell.asked
    share = f"{asked.losses / asked.sent * 10_000:.1f}" if asked.sent else ABSENT
    numbers = [f"{asked.sent:,}", f"{asked.losses:,}", share, f"{asked.skipped:,}"]
    return [str(Spread.of(cell.seconds)), *numbers, f"{asked.slowest:.1f} s"]


def _rest(who: str, asked: Asked) -> Sequence[str]:
    numbers = [f"{asked.sent:,}", f"{asked.losses:,}", f"{asked.skipped:,}"]
    return [who, *numbers, f"{asked.median * MILLI:.1f}", f"{asked.p99 * MILLI:.1f}"]


def _verdict(result: Result, ours: str) -> str:
    cells = {case: cell.asked for (case, who), cell in result.cells.items() if who == ours}
    if not cells:
        return "not measured"
    lost = [f"{case.instances} that {case.on_term}: {asked.losses}" for case, asked in cells.items() if asked.losses]
    few = sum(asked.sent < ENOUGH for asked in cells.values())
    told = f"MISSED ({', '.join(lost)})" if lost else "met"
    return f"{told}; {few} of {len(cells)} cases sent less than {ENOUGH:,}" if few else told


def _reasons(result: Result, everyone: Iterable[str]) -> Iterable[str]:
    for who in everyone:
        lost: Counter[str] = Counter()
        for (_, other), cell in result.cells.items():
            lost += cell.asked.lost if other == who else Counter()
        told = [f"{count} {why}" for why, count in lost.most_common(SHOWN)]
        yield f"lost by {who}: {'; '.join(told) or 'none'}"
