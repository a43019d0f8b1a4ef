"""
The figures of ``benchmarks.http`` as tables for people, with the goals beside them. Pure.

A goal that is missed is stated, and is no failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from attrs import Factory, frozen

from benchmarks.dns_load import percentile
from benchmarks.figures import Figures
from benchmarks.http_alone import KIND as ALONE
from benchmarks.http_contestants import CADDY, DAPRDOCKR, NGINX, TRAEFIK
from benchmarks.http_force import Force
from benchmarks.http_lost import Loss
from benchmarks.report import ABSENT, aligned, verdict

RATE, COST, BUSY, LOADED, OTHERS = "rate", "cost", "busy", "loaded", "others"
MEDIAN, P99 = "median", "p99"
COLUMN = "full load"

SATURATED = 0.95
"""A proxy that was less busy had not enough to do: who asked, or who answered, was the limit."""

LEAST_OF_NGINX = 0.9
LONGEST_FORCE = 0.010
"""Seconds, of 99 changes of 100."""

MOST_GROWN = 10e6
SLOWEST = 1.0
"""Seconds that a request may wait for an instance that was killed."""

LOSSLESS = ("scale changes", "drains", "agent restarts")
MILLI, MICRO, MEGABYTE = 1e3, 1e6, 1e6


@frozen
class Result:
    """
    All that was measured.

    :ivar absent: by contestant, why it does not take part.
    """

    figures: Figures = Factory(Figures)
    absent: dict[str, str] = Factory(dict)
    forces: list[Force] = Factory(list)
    losses: list[Loss] = Factory(list)

    def add(self, contestant: str, values: Mapping[str, float]) -> None:
        self.figures.add(COLUMN, {f"{contestant}: {what}": value for what, value in values.items()})

    def values(self, contestant: str, what: str) -> tuple[float, ...]:
        return self.figures.values(f"{contestant}: {what}", COLUMN)

    def ratio(self, other: str, what: str) -> float | None:
        """How many times as much daprdockr has of something."""
        return self.figures.ratio(f"{DAPRDOCKR}: {what}", f"{other}: {what}", COLUMN)


def report(result: Result, names: Sequence[str]) -> str:
    """Everything, with the contestants in this order."""
    parts = [_throughput(result, names), _forces(result.forces), _losses(result.losses)]
    goals = [*_rate_goals(result), *_force_goals(result.forces), *_loss_goals(result.losses)]
    parts += [["goals:", *goals]] if goals else []
    return "\n\n".join("\n".join(part) for part in parts if part)


def _throughput(result: Result, names: Sequence[str]) -> list[str]:
    head = ["one worker, all connections kept", "requests/s [min..max]", "ours is", "us each", "ours takes"]
    head += ["core", "load", "others", "p50 ms", "p99 ms"]
    rows = [[name, *_cells(result, name)] for name in names if result.values(name, RATE)]
    if not rows:
        return []
    rows += [[name, "not at hand", *[ABSENT] * (len(head) - 2)] for name in result.absent]
    absent = [f"{name}: {why}" for name, why in result.absent.items()]
    unsaturated = any("*" in row[1] for row in rows)
    note = (
        ["* it was not busy all the time: the load, or what answered behind it, was the limit"] if unsaturated else []
    )
    return [*aligned([head, *rows]), *note, *absent]


def _cells(result: Result, name: str) -> list[str]:
    rates, busy = result.values(name, RATE), median(result.values(name, BUSY))
    star = "" if busy >= SATURATED else "*"
    found = [f"{star}{median(rates):,.0f} [{min(rates):,.0f}..{max(rates):,.0f}]", _times(result, name, RATE)]
    found += [f"{median(result.values(name, COST)) * MICRO:.1f}", _times(result, name, COST)]
    found += [f"{median(result.values(name, what)) * 100:.0f} %" for what in (BUSY, LOADED, OTHERS)]
    return found + [f"{median(result.values(name, what)) * MILLI:.2f}" for what in (MEDIAN, P99)]


def _times(result: Result, name: str, what: str) -> str:
    ratio = result.ratio(name, what)
    return ABSENT if ratio is None or name == DAPRDOCKR else f"{ratio:.2f} x"


def _forces(forces: Iterable[Force]) -> list[str]:
    rows = [[_of_force(force, what) for what in range(8)] for force in forces]
    head = ["a change is in force, ms", "changes", "from the event: p50", "p99", "from the write: p50", "p99"]
    head += ["one request", "workers"]
    return aligned([head, *rows]) if rows else []


def _of_force(force: Force, column: int) -> str:
    times = [_milli(v, p) for v in (force.from_event, force.from_write) for p in (50, 99)]
    kept = f"{'the same' if force.same_workers else 'OTHERS'}, {force.grown / MEGABYTE:+.1f} MB"
    cells = [f"{force.host_names:,} host names", f"{len(force.from_event):,}", *times]
    return [*cells, f"{force.request * MILLI:.2f}", kept][column]


def _milli(values: Sequence[float], percent: float) -> str:
    return f"{percentile(values, percent) * MILLI:.2f}"


def _losses(losses: Sequence[Loss]) -> list[str]:
    head = [
        "a client that repeats nothing",
        "changes",
        "s each",
        "requests",
        "lost",
        "p99 ms",
        "slowest ms",
        "silence ms",
    ]
    head += ["websockets cut"]
    rows = [
        [
            loss.kind,
            f"{loss.changes}",
            f"{loss.seconds:.1f}",
            f"{loss.taken.sent:,}",
            f"{loss.taken.losses:,}",
            *(f"{v * MILLI:,.0f}" for v in (loss.taken.p99, loss.taken.slowest, loss.taken.silence)),
            f"{sum(loss.taken.cut.values())}",
        ]
        for loss in losses
    ]
    skipped = sum(loss.taken.skipped for loss in losses)
    notes = [f"{loss.kind}: {number} x {what}" for loss in losses for what, number in sorted(loss.taken.lost.items())]
    notes += (
        [f"{skipped:,} requests that were due were not sent: this machine is too slow for the rate"] if skipped else []
    )
    return [*aligned([head, *rows]), *notes] if rows else []


def _rate_goals(result: Result) -> list[str]:
    """By the rates; by the cost of a request where one of the two was not busy, as its rate is then another's."""
    found = []
    for peer, factor in ((NGINX, LEAST_OF_NGINX), (CADDY, 1.0), (TRAEFIK, 1.0)):
        ratio, costs = result.ratio(peer, RATE), result.ratio(peer, COST)
        if ratio is None or not costs:
            continue
        busy = all(median(result.values(name, BUSY)) >= SATURATED for name in (DAPRDOCKR, peer))
        judged, by = (ratio, "") if busy else (1 / costs, " by the cost of a request")
        goal = f"at least {factor} x {peer}'s requests/s"
        found.append(f"{goal}: {judged:.2f} x{by}, {verdict(judged >= factor)}")
    return found


def _force_goals(forces: Iterable[Force]) -> list[str]:
    found = []
    for force in forces:
        p99 = percentile(force.from_event, 99)
        goal = f"{force.host_names:,} host names: in force within {LONGEST_FORCE * MILLI:g} ms (p99)"
        found.append(f"{goal}: {p99 * MILLI:.2f} ms, {verdict(p99 <= LONGEST_FORCE)}")
        goal = f"{force.host_names:,} host names: the same workers, grown by less than {MOST_GROWN / MEGABYTE:g} MB"
        kept = force.same_workers and force.grown < MOST_GROWN
        found.append(f"{goal}: {force.grown / MEGABYTE:.1f} MB, {verdict(kept)}")
    return found


def _loss_goals(losses: Iterable[Loss]) -> list[str]:
    found = []
    for loss in losses:
        if loss.kind in LOSSLESS:
            cut = sum(loss.taken.cut.values())
            goal = f"{loss.kind}: no request lost, no websocket cut"
            found.append(f"{goal}: {loss.taken.losses} and {cut}, {verdict(loss.taken.losses + cut == 0)}")
        elif loss.kind == ALONE:
            slowest, met = loss.taken.slowest, loss.taken.losses == 0 and loss.taken.slowest <= SLOWEST
            goal = f"{ALONE}: no request lost, the slowest within {SLOWEST * MILLI:,.0f} ms"
            found.append(f"{goal}: {loss.taken.losses} and {slowest * MILLI:,.0f} ms, {verdict(met)}")
    return found
