"""
The law ``agreement``: whatever reports on the cluster agrees with etcd and the Engines when all is quiet.

After each fault, once all is well again, the suite asks ``status``, ``ps``, and every agent for its JSON, its metrics
and its page, and writes down what each said beside what etcd has, which at that moment is what the Engines run. It asks
again for half a minute while they differ or something moves, so what is written down is no news that was under way. A
moment at which something still moves, because agents even out the load, proves nothing; one of them has to be quiet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.chaos.evidence import Seen, Violation

LEAST = {"ps", "status"}
"""Reports without which nothing was asked."""


def agreement(seen: Sequence[Seen]) -> Iterator[Violation]:
    asked = [one for one in seen if one.what == "reports"]
    quiet = [one for one in asked if one.data["quiet"]]
    if asked and not quiet:
        yield Violation(
            asked[-1].at, "agreement", "it was never quiet when the reports were asked", (asked[-1].number,)
        )
    for one in quiet:
        yield from _differing(one)


def _differing(one: Seen) -> Iterator[Violation]:
    known, reports = one.data["known"], one.data["reports"]
    if missing := LEAST.difference(reports):
        yield Violation(one.at, "agreement", f"nobody asked {' and '.join(sorted(missing))}", (one.number,))
    shares = Counter(known["places"].values())
    for name, report in sorted(reports.items()):
        for part, value in sorted(report.items()):
            there = {node: shares[node] for node in value} if part == "own" else known[part]
            if value != there:
                said = f"{name} differs from etcd and the Engines in its {part}: {_difference(value, there)}"
                yield Violation(one.at, "agreement", said, (one.number,))


def _difference(said: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    """The first entry that differs."""
    name = min(key for key in said.keys() | there.keys() if said.get(key) != there.get(key))
    return f"{name}: {said.get(name, 'nothing')}, not {there.get(name, 'there')}"
