"""
The figures of ``scale`` as a table for people, with the goals beside them. Pure.

A goal that is missed is marked, and is no failure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from attrs import field, frozen

from benchmarks.report import ABSENT, aligned, verdict
from benchmarks.scale_store import BEAT, LOST, METHODS, READ, TAKE, TELL, WRITES

ATTEMPTS_LIMIT = 1.2
"""Claims tried for each claim made."""

IDLE_WRITES_LIMIT = 1.0
"""Writes to etcd in a minute for each node."""

LOSS_MARGIN = 5.0
"""Seconds, beside the TTL, in which a lost node's instances are placed anew."""

JUDGED = 100
"""The goals are those of so many agents."""


@frozen
class Part:
    """
    One part of a run: ``seconds`` are the agents', processor times real ones. ``asked`` counts requests by kind,
    ``told`` what etcd counted meanwhile. ``longest_turn`` is the longest that the reactor did not come round.
    """

    seconds: float
    asked: Mapping[str, int]
    told: Mapping[str, int] = field(factory=dict)
    processor: float = 0.0
    etcd_processor: float = 0.0
    longest_turn: float = 0.0

    def rate(self, *kinds: str) -> float:
        """Requests of some kinds in a second of the agents."""
        return sum(self.asked.get(kind, 0) for kind in kinds) / self.seconds

    @property
    def attempts(self) -> float:
        """Claims tried for each claim made."""
        made = self.asked.get(TAKE, 0)
        return (made + self.asked.get(TAKE + LOST, 0)) / made if made else 0.0


@frozen
class Run:
    """The measured figures with so many agents; a missing one was not reached."""

    agents: int
    pace: float
    ttl: int
    members: int
    figures: dict[str, float] = field(factory=dict)
    parts: dict[str, Part] = field(factory=dict)

    @property
    def title(self) -> str:
        return f"{self.agents} agents" + (f", {self.pace:g} x slower" if self.pace != 1 else "")


START, IDLE, PLACE, LOSS = "start", "idle", "place", "loss"
REGISTERED, READY, CLAIMED, WELL, IMBALANCE = "registered", "ready", "claimed", "well", "imbalance"
LOST_INSTANCES, LOST_CLAIMED, LOST_WELL = "lost instances", "lost claimed", "lost well"

Cell = Callable[[Run], str]


def _figure(name: str, form: str = "{:.1f}") -> Cell:
    return lambda run: form.format(run.figures[name]) if name in run.figures else ABSENT


def _part(name: str, value: Callable[[Part, Run], float], form: str = "{:.1f}") -> Cell:
    return lambda run: form.format(value(run.parts[name], run)) if name in run.parts else ABSENT


def _all(part: Part) -> float:
    return sum(part.asked.values()) / part.seconds


def _rows(part: str) -> list[tuple[str, Cell]]:
    """The figures of each part."""
    return [
        ("  requests to etcd, per second", _part(part, lambda p, _: _all(p))),
        ("    beats, reads", _part(part, lambda p, _: p.rate(BEAT, READ))),
        ("    writes", _part(part, lambda p, _: p.rate(*WRITES))),
        ("  processor of one agent, s", _part(part, lambda p, r: p.processor / r.agents, "{:.2f}")),
        ("  processor of etcd, s", _part(part, lambda p, _: p.etcd_processor)),
        ("  longest turn of the reactor, s", _part(part, lambda p, _: p.longest_turn, "{:.2f}")),
    ]


ROWS: Sequence[tuple[str, Cell]] = [
    ("start: all registered after, s", _figure(REGISTERED)),
    ("  all ready after, s", _figure(READY)),
    *_rows(START),
    ("place: all claimed after, s", _figure(CLAIMED)),
    ("  all told healthy after, s", _figure(WELL)),
    ("  attempts per claim", _part(PLACE, lambda p, _: p.attempts, "{:.3f}")),
    (
        "  writes that tell, per instance",
        _part(PLACE, lambda p, _: p.asked.get(TELL, 0) / max(1, p.asked.get(TAKE, 0))),
    ),
    ("  imbalance, claims", _figure(IMBALANCE, "{:.0f}")),
    *_rows(PLACE),
    ("idle: writes per minute and node", _part(IDLE, lambda p, r: 60 * p.rate(*WRITES) / r.agents, "{:.2f}")),
    *_rows(IDLE),
    ("loss of a node: instances", _figure(LOST_INSTANCES, "{:.0f}")),
    ("  claimed after its last beat, s", _figure(LOST_CLAIMED)),
    ("  told healthy after its last beat, s", _figure(LOST_WELL)),
    ("  attempts per claim", _part(LOSS, lambda p, _: p.attempts, "{:.3f}")),
    *_rows(LOSS),
]


def report(runs: Sequence[Run]) -> str:
    """Everything that was measured."""
    table = aligned([["", *(run.title for run in runs)], *([title, *(cell(r) for r in runs)] for title, cell in ROWS)])
    goals = [line for run in runs if run.agents == JUDGED for line in verdicts(run)]
    checks = [f"{run.title}, {part}: {compared(run.parts[part])}" for run in runs for part in run.parts]
    return "\n".join([*table, "", "goals:", *goals, "", "requests counted by the agents' side / by etcd:", *checks])


def verdicts(run: Run) -> list[str]:
    """A line for each goal that can be judged; a part that did not end has missed its own."""
    lines = []
    for part, last in ((PLACE, WELL), (LOSS, LOST_WELL)):
        if part in run.parts:
            goal = f"{run.title}, {part}: at most {ATTEMPTS_LIMIT} attempts per claim"
            attempts = run.parts[part].attempts if last in run.figures else float("inf")
            lines.append(f"{goal}: {judged(attempts, ATTEMPTS_LIMIT)}")
    if IDLE in run.parts:
        writes = 60 * run.parts[IDLE].rate(*WRITES) / run.agents
        goal = f"{run.title}, idle: at most {IDLE_WRITES_LIMIT:g} write per minute and node"
        lines.append(f"{goal}: {judged(writes, IDLE_WRITES_LIMIT)}")
    if LOST_INSTANCES in run.figures:
        limit = run.ttl + LOSS_MARGIN
        goal = f"{run.title}, loss: {run.figures[LOST_INSTANCES]:.0f} instances healthy elsewhere within TTL + 5 s"
        lines.append(f"{goal} = {limit:g} s: {judged(run.figures.get(LOST_WELL, float('inf')), limit)}")
    return lines


def judged(value: float, limit: float) -> str:
    """:param value: infinite for what never came."""
    return f"{value:.2f}, {verdict(value <= limit)}" if value < float("inf") else "not reached, MISSED"


def compared(part: Part) -> str:
    """Ours beside etcd's, by etcd's method."""
    ours = {method: sum(part.asked.get(kind, 0) for kind in kinds) for method, kinds in METHODS.items()}
    counts = Counter(part.told)
    return ", ".join(
        f"{method} {count} / {counts[method]}" for method, count in ours.items() if count or counts[method]
    )
