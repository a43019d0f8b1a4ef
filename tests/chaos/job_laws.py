"""
The laws of jobs: each due time is settled once, and each run is begun once, or is said to be missed.

Judged by two kinds of facts: what the containers of runs wrote down themselves, and the records in etcd as they are in
the end. No code of the system reads them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

MINUTE = 60
TOLD = frozenset({"missed", "lost", "failed"})

Record = Mapping[str, Any]
"""The JSON of a run in etcd."""


@frozen
class JobFacts:
    """
    The containers that ``began`` and ``ended``, by the name of the run, such as ``3.j0.jobs``; the ``records`` of each
    job by number. All jobs are due each minute, and a run may begin ``window`` seconds late.
    """

    began: Counter[str]
    ended: Counter[str]
    records: Mapping[str, Mapping[int, Record]]
    window: float

    @classmethod
    def read(cls, lines: str, stored: Mapping[str, Record], window: float) -> JobFacts:
        """
        :param lines: the words ``began`` or ``ended``, each with the name of a run.
        :param stored: the records, by the end of their keys: ``<group>/<job>/<number>``.
        """
        words = [line.split() for line in lines.splitlines()]
        found: dict[str, Counter[str]] = {"began": Counter(), "ended": Counter()}
        for word, run in words:
            found[word][run] += 1
        records: dict[str, dict[int, Record]] = {}
        for key, record in stored.items():
            group, job, number = key.split("/")[-3:]
            records.setdefault(f"{job}.{group}", {})[int(number)] = record
        return cls(found["began"], found["ended"], records, window)

    @property
    def states(self) -> dict[str, int]:
        """How many due times, or runs, are in each state."""
        found: Counter[str] = Counter()
        for records in self.records.values():
            for record in records.values():
                found[record["State"]] += record.get("Count", 0) or 1
        return dict(sorted(found.items()))


def breaches(facts: JobFacts, end: float) -> Iterator[str]:
    """Yield what broke a law until ``end``, in seconds since the epoch."""
    known = {f"{number}.{job}" for job, records in facts.records.items() for number in records}
    for run, times in sorted(facts.began.items()):
        if times > 1:
            yield f"run {run} was begun {times} times"
        if run not in known:
            yield f"run {run} was begun, and has no record"
    for job, records in sorted(facts.records.items()):
        yield from _ends(facts, job, records)
        first = min(record.get("Until", 0) for record in records.values() if record["State"] == "set")
        for due in range(first - first % MINUTE + MINUTE, int(end - facts.window) - MINUTE, MINUTE):
            yield from _due(facts, job, records, due)


def _ends(facts: JobFacts, job: str, records: Mapping[int, Record]) -> Iterator[str]:
    for number, record in sorted(records.items()):
        run, state = f"{number}.{job}", record["State"]
        if state == "done" and not (facts.began[run] and facts.ended[run]):
            yield f"run {run} is done, and its container did not say so"
        if state == "missed" and facts.began[run]:
            yield f"run {run} was begun, and is told as missed"


def _due(facts: JobFacts, job: str, records: Mapping[int, Record], due: int) -> Iterator[str]:
    covering = {n: one for n, one in records.items() if one.get("Due", 0) and _covers(one, due)}
    if len(covering) != 1:
        yield f"{job} at {due} is settled by {len(covering)} records"
    begun = [n for n in covering if facts.began[f"{n}.{job}"]]
    if not begun and not any(one["State"] in TOLD for one in covering.values()):
        yield f"{job} at {due} was neither begun nor told"


def _covers(record: Record, due: int) -> bool:
    return bool(record["Due"] <= due <= max(record["Due"], record.get("Last", 0)))
