# -*- test-case-name: tests.tools.test_bench_handshakes -*-
"""The figures of ``handshakes`` for people, with the goals beside them. Pure."""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections.abc import Sequence

from attrs import frozen

from benchmarks.handshakes_load import Seen
from benchmarks.report import aligned

GRACE = 2.0
"""Seconds after which no client may get the certificate of before."""
FACTOR = 1.2
"""The most that a handshake may cost beside one with a static certificate."""


@frozen
class Costs:
    """Processor seconds of nginx for a handshake in each round: with a certificate ``picked`` by Lua, or ``fixed``."""

    picked: tuple[float, ...]
    fixed: tuple[float, ...]


def old_ones(seen: Sequence[Seen], stored: Sequence[float], grace: float = GRACE) -> int:
    """Return how many handshakes showed a certificate whose successor was stored ``grace`` seconds before."""
    found = 0
    for one in seen:
        expected = bisect_right(stored, one.begin - grace) - 1
        found += one.shown is not None and one.shown < expected
    return found


def delays(seen: Sequence[Seen], stored: Sequence[float]) -> list[float]:
    """Return for each renewal the seconds until a handshake ended that showed it; negative: before the command did."""
    ends: dict[int, float] = {}
    for one in seen:
        if one.shown is not None:
            ends[one.shown] = min(one.end, ends.get(one.shown, one.end))
    return [ends[number] - stored[number] for number in range(1, len(stored)) if number in ends]


def report(seen: Sequence[Seen], stored: Sequence[float], costs: Costs, rate: int, load: float) -> str:
    """Everything that was measured. :param load: the average load of the machine."""
    taken, late = sorted(one.end - one.begin for one in seen), delays(seen, stored)
    failed, old = sum(one.shown is None for one in seen), old_ones(seen, stored)
    asked = len(seen) / (max(one.end for one in seen) - min(one.begin for one in seen))
    picked, fixed = statistics.median(costs.picked), statistics.median(costs.fixed)
    rows = [
        ["", "reached", "goal"],
        [f"handshakes, {asked:.0f}/s ({rate}/s wanted), over {len(stored) - 1} renewals", f"{len(seen):,}", ""],
        ["failed", f"{failed}", "0"],
        [f"old certificate {GRACE:g} s after its renewal", f"{old}", "0"],
        ["from the end of the command to the first handshake with it, median", f"{statistics.median(late):.2f} s", ""],
        ["the same, longest", f"{max(late):.2f} s", f"{GRACE:g} s"],
        ["slowest handshake", f"{taken[-1] * 1e3:.0f} ms", ""],
        ["processor time of nginx for a handshake, certificate in the configuration", f"{fixed * 1e6:.0f} us", ""],
        ["the same, picked by Lua", f"{picked * 1e6:.0f} us", ""],
        ["ratio", f"{picked / fixed:.2f} x", f"{FACTOR} x"],
    ]
    return "\n".join([*aligned(rows), f"load of the machine: {load:.1f}"])
