"""
The figures of ``benchmarks.dns`` as tables for people, with ratios and the goals beside them. Pure.

The goals are row 5 of the design's figures; one that is missed is marked, and is no failure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from attrs import Factory, frozen

from benchmarks.dns_contestants import BIND, DAPRDOCKR, DNSMASQ, KNOT, POWERDNS
from benchmarks.figures import Figures
from benchmarks.report import ABSENT, aligned

RATE, LOST, COST, MEMORY = "rate", "lost", "cost", "memory"
BUSY, LOADED, OTHERS = "busy", "loaded", "others"
OWN, COMMON = ("own median", "own p99"), ("common median", "common p99")
"""The figures that are measured: see ``TITLES``, and the two loads that are half of a full one."""

SATURATED = 0.95
"""A server that was less busy had not enough to do: who asked was the limit."""

LEAST_OF_DNSMASQ = 2.5
JUDGED = "mix"
"""The scenario that the goals are about."""

TITLES = ("queries/s [min..max]", "ours is", "us each", "ours takes", "core", "load", "others", "lost %", "RSS MB")


@frozen
class Scenario:
    """
    The questions that are asked.

    :ivar instances: those of the zone; 0 for names that are forwarded.
    :ivar unique: no name is asked twice.
    """

    name: str
    title: str
    instances: int = 0
    unique: bool = False


@frozen
class Result:
    """
    All that was measured; the columns of ``figures`` are scenarios, by their names.

    :ivar common: the rate, by scenario, at which all are asked that can stand it: half of BIND's.
    :ivar wrong: by scenario and contestant, why it was not timed.
    """

    figures: Figures = Factory(Figures)
    common: dict[str, int] = Factory(dict)
    wrong: dict[tuple[str, str], str] = Factory(dict)

    def add(self, scenario: Scenario, contestant: str, values: Mapping[str, float]) -> None:
        self.figures.add(scenario.name, {f"{contestant}: {what}": value for what, value in values.items()})

    def add_wrong(self, scenario: Scenario, contestant: str, why: str) -> None:
        self.wrong[scenario.title, contestant] = why

    def is_wrong(self, scenario: Scenario, contestant: str) -> bool:
        return (scenario.title, contestant) in self.wrong

    def median(self, scenario: Scenario, contestant: str, what: str) -> float | None:
        spread = self.figures.spread(f"{contestant}: {what}", scenario.name)
        return spread.median if spread else None

    def ratio(self, scenario: Scenario, other: str, what: str) -> float | None:
        """How many times as much daprdockr has of something."""
        return self.figures.ratio(f"{DAPRDOCKR}: {what}", f"{other}: {what}", scenario.name)


def report(result: Result, scenarios: Sequence[Scenario], contestants: Sequence[str]) -> str:
    """Everything that was measured."""
    lines = []
    for scenario in scenarios:
        lines += [*_table(result, scenario, contestants), ""]
    if any(_is_limited(result, s, c) for s in scenarios for c in contestants):
        lines += [
            "* the server was not busy all the time: dnsperf, or what else there was on this machine, was the limit",
            "",
        ]
    lines += [f"{title}: {name} was not timed, it answers wrong: {why}" for (title, name), why in result.wrong.items()]
    return "\n".join([*lines, "goals:", *verdicts(result, scenarios)])


def _table(result: Result, scenario: Scenario, contestants: Sequence[str]) -> list[str]:
    common = result.common.get(scenario.name)
    at_common = "half of BIND's" if common is None else f"{common:,}/s"
    loads = [f"us at {at}: {title}" for at in ("half", at_common) for title in ("p50", "p99")]
    rows = [[scenario.title, *TITLES, *loads]]
    rows += [[name, *_cells(result, scenario, name)] for name in contestants if _was_timed(result, scenario, name)]
    return aligned(rows)


def _was_timed(result: Result, scenario: Scenario, contestant: str) -> bool:
    return result.median(scenario, contestant, RATE) is not None


def _cells(result: Result, scenario: Scenario, contestant: str) -> list[str]:
    def times(what: str) -> str:
        ratio = None if contestant == DAPRDOCKR else result.ratio(scenario, contestant, what)
        return ABSENT if ratio is None else f"{ratio:.2f} x"

    def number(what: str, digits: int = 0, factor: float = 1.0) -> str:
        value = result.median(scenario, contestant, what)
        if value is None:
            return ABSENT
        return "over" if math.isinf(value) else f"{value * factor:.{digits}f}"

    spread = result.figures.spread(f"{contestant}: {RATE}", scenario.name)
    rate = f"{spread.median:,.0f} [{spread.low:,.0f}..{spread.high:,.0f}]" if spread else ABSENT
    return [
        rate + ("*" if _is_limited(result, scenario, contestant) else ""),
        times(RATE),
        number(COST, 2, 1e6),
        times(COST),
        *(f"{number(what, 0, 100)} %" for what in (BUSY, LOADED, OTHERS)),
        number(LOST, 2, 100),
        number(MEMORY, 1, 1e-6),
        *(number(what, 0, 1e6) for what in (*OWN, *COMMON)),
    ]


def _is_limited(result: Result, scenario: Scenario, contestant: str) -> bool:
    busy = result.median(scenario, contestant, BUSY)
    return busy is not None and busy < SATURATED


def verdicts(result: Result, scenarios: Sequence[Scenario]) -> list[str]:
    """A line for each goal that can be judged."""
    lines = []
    for scenario in scenarios:
        if scenario.name == JUDGED:
            lines += _verdicts(result, scenario)
    return lines


def _verdicts(result: Result, scenario: Scenario) -> list[str]:
    lines = []
    for peer, factor in ((KNOT, 1.0), (POWERDNS, 1.0), (DNSMASQ, LEAST_OF_DNSMASQ)):
        ratio = result.ratio(scenario, peer, RATE)
        if ratio is not None:
            goal = f"{scenario.title}: at least {factor} x {peer}'s queries/s"
            lines.append(f"{goal}: {ratio:.2f} x, {_judged(ratio >= factor)}")
    ours, theirs = (result.median(scenario, name, COMMON[1]) for name in (DAPRDOCKR, BIND))
    if ours is not None and theirs is not None:
        goal = f"{scenario.title}: p99 at half of BIND's load no worse than BIND's"
        lines.append(f"{goal}: {ours * 1e6:.0f} us, BIND {theirs * 1e6:.0f} us, {_judged(ours <= theirs)}")
    return lines


def _judged(met: bool) -> str:
    return "met" if met else "MISSED"
