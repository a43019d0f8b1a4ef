"""
The figures of ``converge`` as a table for people, with ratios and the goals beside them. Pure.

The goals are the first two rows of the design's figures; a goal that is missed is marked, and is no failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.figures import Figures

COUNTS = (1, 10, 40)
KILLED = "killed"
COLUMNS = (*map(str, COUNTS), KILLED)

API = "Docker API, create + start by 8 threads"
DOCKER_RUN = "docker run -d -P, 8 in parallel"
SWARM = "Swarm service, ports in host mode"
SWARM_TOLD = "  until all tasks say running"
SWARM_AT_ONCE = "Swarm service, restart delay 0"
DAPRDOCKR = "daprdockr, from the start of daprdockrcmd"
DAPRDOCKR_STORED = "  from the definition stored in etcd"
DAPRDOCKR_TOLD = "  until all claims say healthy"
ROWS = (API, DOCKER_RUN, SWARM, SWARM_TOLD, SWARM_AT_ONCE, DAPRDOCKR, DAPRDOCKR_STORED, DAPRDOCKR_TOLD)

RATIOS = {"daprdockr / docker run": DOCKER_RUN, "daprdockr / Swarm": SWARM}

FACTOR, HEAD_START = 1.15, 0.2
"""From set to running: at most this many times ``docker run``, plus so many seconds."""

KILLED_LIMIT = 0.6
"""Seconds until a killed container runs again."""

ABSENT = "-"


def report(figures: Figures) -> str:
    """Everything that was measured."""
    goals = [f"goals, for the medians of the row '{DAPRDOCKR}':", *verdicts(figures)]
    return "\n".join([*_table(figures), "", *goals, "", *_kills(figures)])


def _table(figures: Figures) -> list[str]:
    rows = [["seconds: median [min..max]", *(f"{count} running" for count in COUNTS), "killed, runs again"]]
    rows += [[row, *(_spread(figures, row, column) for column in COLUMNS)] for row in ROWS]
    rows += [[title, *(_ratio(figures, other, column) for column in COLUMNS)] for title, other in RATIOS.items()]
    rows.append(["values behind each median", *(_count(figures, column) for column in COLUMNS)])
    return aligned(rows)


def _spread(figures: Figures, row: str, column: str) -> str:
    return str(figures.spread(row, column) or ABSENT)


def _ratio(figures: Figures, other: str, column: str) -> str:
    ratio = figures.ratio(DAPRDOCKR, other, column)
    return ABSENT if ratio is None else f"{ratio:.2f} x"


def _count(figures: Figures, column: str) -> str:
    return str(len(figures.values(DAPRDOCKR, column)))


def verdicts(figures: Figures) -> list[str]:
    """A line for each goal that can be judged."""
    lines = []
    for count in COUNTS:
        ours, theirs = figures.spread(DAPRDOCKR, str(count)), figures.spread(DOCKER_RUN, str(count))
        if ours and theirs:
            limit = FACTOR * theirs.median + HEAD_START
            goal = f"{count} running: at most {FACTOR} x docker run + {HEAD_START} s = {limit:.2f} s"
            lines.append(f"{goal}: {judged(ours.median, limit)}")
    if killed := figures.spread(DAPRDOCKR, KILLED):
        lines.append(f"killed container: at most {KILLED_LIMIT:.2f} s: {judged(killed.median, KILLED_LIMIT)}")
    return lines


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def judged(seconds: float, limit: float) -> str:
    return f"{verdict(seconds <= limit)} by {abs(limit - seconds):.2f} s"


def _kills(figures: Figures) -> list[str]:
    """Every value, because an outlier there is somebody's outage."""
    found = {row: sorted(figures.values(row, KILLED)) for row in ROWS}
    return [
        f"all kills, {row}: {' '.join(f'{value:.2f}' for value in values)}" for row, values in found.items() if values
    ]


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell: the first to the left, the others to the right."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in table
    ]
