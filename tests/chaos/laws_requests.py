"""
No law, but a figure: what each fault cost those who asked, from its beginning until all had settled.

A question over HTTP failed if it was not answered as it should be, one over DNS if no address came back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import frozen

from tests.chaos.evidence import Seen


@frozen
class Asked:
    """Questions, and how many of them failed."""

    asked: int
    failed: int


@frozen
class Row:
    """One fault. ``recovered`` are the seconds from its heal until all was well; None if that was not told."""

    number: int
    kind: str
    hosts: tuple[str, ...]
    http: Asked
    dns: Asked
    recovered: float | None


def rows(seen: Sequence[Seen]) -> list[Row]:
    """A row for each fault that began, in their order."""
    faults = [one for one in seen if one.what == "fault"]
    begun = [one for one in faults if one.data["phase"] == "begin"]
    return [_row(begin, [one for one in faults if one.data["number"] == begin.data["number"]], seen) for begin in begun]


def _row(begin: Seen, phases: Sequence[Seen], seen: Iterable[Seen]) -> Row:
    over = next((one for one in phases if one.data["phase"] in ("settled", "unsettled")), None)
    end = over.at if over else float("inf")
    meanwhile = [one for one in seen if begin.at <= one.at <= end]
    return Row(
        number=int(begin.data["number"]),
        kind=str(begin.data["kind"]),
        hosts=tuple(sorted({str(host) for one in phases for host in one.data.get("hosts", ())})),
        http=_asked(meanwhile, "http"),
        dns=_asked(meanwhile, "dns"),
        recovered=float(over.data["seconds"]) if over and over.data["phase"] == "settled" else None,
    )


def _asked(meanwhile: Iterable[Seen], what: str) -> Asked:
    answers = [one.data for one in meanwhile if one.what == what]
    return Asked(len(answers), sum(_failed(what, answer) for answer in answers))


def _failed(what: str, answer: Mapping[str, Any]) -> bool:
    return not (answer.get("ok") if what == "http" else answer.get("addresses"))
