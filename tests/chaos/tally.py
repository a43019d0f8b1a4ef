"""From a history to figures: what each kind of fault cost those who asked, and how long it took to be over. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import Factory, define

from tests.chaos.faults import AND
from tests.chaos.history import Line

TWO = "two at once"


@define
class Count:
    """Questions asked meanwhile, and those without an answer of use, at hosts that were harmed and at others."""

    asked: int = 0
    failed_there: int = 0
    failed_elsewhere: int = 0

    def add(self, failed: bool, there: bool) -> None:
        self.asked += 1
        self.failed_there += failed and there
        self.failed_elsewhere += failed and not there


@define
class Row:
    """All faults of one kind. ``seconds`` are those from a heal until all was well again."""

    kind: str
    times: int = 0
    http: Count = Factory(Count)
    dns: Count = Factory(Count)
    seconds: list[float] = Factory(list)


@define
class Tally:
    """Lines are added in the order in which they happened."""

    rows: dict[str, Row] = Factory(dict)
    _current: Row | None = None
    _harmed: set[str] = Factory(set)

    def add(self, line: Line) -> None:
        match line.what:
            case "fault":
                self._fault(line.data)
            case "harm":
                self._harmed.add(line.data["host"])
            case "http" | "dns":
                self._question(line.what, line.data)

    def _fault(self, data: Mapping[str, Any]) -> None:
        kind = TWO if AND in data["kind"] else data["kind"]
        row = self.rows.setdefault(kind, Row(kind))
        if data["phase"] == "begin":
            row.times += 1
            self._current, self._harmed = row, set(data["hosts"])
        elif data["phase"] != "heal":
            row.seconds.append(data["seconds"])
            self._current = None

    def _question(self, what: str, data: Mapping[str, Any]) -> None:
        if self._current is not None:
            count = self._current.http if what == "http" else self._current.dns
            count.add(failed(what, data), data["host"] in self._harmed)


def failed(what: str, data: Mapping[str, Any]) -> bool:
    """Whether nobody answered, or not what was asked for, which was there to be had before the fault began."""
    return not data["ok"] if what == "http" else not data["addresses"]


def tally(lines: Iterable[Line]) -> Tally:
    """The figures of a whole history."""
    found = Tally()
    for line in sorted(lines, key=lambda line: line.at):
        found.add(line)
    return found
