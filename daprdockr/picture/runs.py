# -*- test-case-name: tests.unit.cli.commands.test_job -*-
"""Jobs, and their runs."""

from __future__ import annotations

from collections.abc import Mapping

from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.revisioned import KnownRun, newest_of
from daprdockr.model.stored.run import RunRecord, RunState
from daprdockr.picture.cells import moment
from daprdockr.picture.table import Column, Row, Table
from daprdockr.planning.keeping.preceding import belongs

ENDED_BADLY = frozenset({RunState.FAILED.value, RunState.LOST.value, RunState.MISSED.value})

_ENDED = frozenset({RunState.DONE, RunState.FAILED, RunState.LOST})
"""The states of a run that began once, and does not go on."""

_SAID = {RunState.FAILED.value: "failed", RunState.MISSED.value: "was missed"}
"""Words for a run in these states; one in another state is said to be in that."""

JOB_COLUMNS: tuple[Column, ...] = (
    ("JOB", lambda row: row["Job"]),
    ("SCHEDULE", lambda row: row["Schedule"]),
    ("NEXT", lambda row: _minute(row["Next"])),
    ("RUN", lambda row: str(row["Run"] or "")),
    ("STATE", lambda row: row["State"]),
    ("NODE", lambda row: row["Node"]),
    ("REASON", lambda row: row["Reason"]),
)

RUN_COLUMNS: tuple[Column, ...] = (
    ("RUN", lambda row: str(row["Run"])),
    ("DUE", lambda row: _due(row)),
    ("STATE", lambda row: row["State"]),
    ("NODE", lambda row: row["Node"]),
    ("STARTED", lambda row: moment(row["Started"])),
    ("TOOK", lambda row: _took(row["Started"], row["Ended"])),
    ("EXIT", lambda row: "" if row["Status"] is None else str(row["Status"])),
    ("REASON", lambda row: row["Reason"]),
)


def job_table(cluster: ClusterView, now: float) -> Table:
    """Return every job, with the time after ``now`` at which it is due, and its last run."""
    return Table(list(filter(None, (job_row(cluster, name, now) for name in sorted(cluster.services)))), JOB_COLUMNS)


def run_table(runs: Mapping[int, KnownRun]) -> Table:
    """Return the runs of a job, oldest first."""
    return Table([run_row(run) for _, run in sorted(runs.items()) if run.record.is_run], RUN_COLUMNS)


def run_row(run: KnownRun) -> Row:
    """Return one run; its status is None as long as there is none."""
    record = run.record
    return {
        "Run": run.number,
        "State": record.state.value,
        "Due": record.due,
        "Last": record.last or record.due,
        "Count": record.count or 1,
        "Node": record.node,
        "Attempt": record.attempt,
        "Started": record.started,
        "Ended": record.ended,
        "Status": record.status if record.status >= 0 else None,
        "Reason": record.reason,
        "Arguments": list(record.arguments),
        "By": record.by,
    }


def run_text(number: int, state: str) -> str:
    """Return how a run is, as the beginning of a sentence: ``run 12 failed``."""
    return f"run {number} {_SAID.get(state, f'is {state}')}"


def job_row(cluster: ClusterView, name: ServiceName, now: float) -> Row | None:
    """Return one job, as ``job_table`` has it; None if the service is none."""
    schedule = cluster.services[name].definition.schedule
    if schedule is None:
        return None
    run = last_run(cluster, name)
    last: Row = run_row(run) if run else {"Run": 0, "State": "", "Due": 0, "Node": "", "Ended": 0, "Reason": ""}
    behind = "" if run is None or schedule.overlap else _behind(run, cluster.runs(name))
    return {
        "Job": str(name),
        "Schedule": schedule.text,
        "Next": next(schedule.due_after(now), 0),
        **{key: last[key] for key in ("Run", "State", "Due", "Node", "Ended")},
        "Reason": last["Reason"] or behind,
    }


def _behind(run: KnownRun, runs: Mapping[int, KnownRun]) -> str:
    """Return the run for which this one waits, because it may not overlap it; "" for none."""
    before = next((one for _, one in sorted(runs.items()) if one.record.under_way), None)
    if run.record.state is not RunState.WAITING or before is None:
        return ""
    return f"run {before.number} is under way on {before.record.node}"


def last_run(cluster: ClusterView, name: ServiceName) -> KnownRun | None:
    """Return the last run of a job, or of the command before rollouts; None if there was none."""
    return newest_of({number: run for number, run in cluster.runs(name).items() if run.record.is_run})


def has_failed(cluster: ClusterView, job: ServiceName) -> bool:
    """Return whether the last run of a job that ended has failed, or is lost."""
    ended = {number: run for number, run in cluster.runs(job).items() if run.record.state in _ENDED}
    last = newest_of(ended)
    return last is not None and last.record.state is not RunState.DONE


def was_missed(cluster: ClusterView, job: ServiceName, now: float) -> bool:
    """
    Return whether the last run of a job that was due did not begin in time, though it may be that no node has been able
    to write that down. A run that a person asked for makes up for it as soon as it begins.
    """
    runs, service = cluster.runs(job), cluster.services[job]
    schedule, newest = service.definition.schedule, newest_of(runs)
    if schedule is not None and newest is not None and belongs(service, newest):
        due = next(schedule.due_after(newest.record.until), None)
        if due is not None and due + schedule.window < now:
            return True
    settled = {number: run for number, run in runs.items() if _is_settled(run.record)}
    last = newest_of(settled)
    return last is not None and last.record.state is RunState.MISSED


def _is_settled(record: RunRecord) -> bool:
    """Return whether a run has begun, or was due and did not."""
    if record.state is RunState.MISSED:
        return record.due > 0
    return record.state is RunState.RUNNING or record.state in _ENDED


def _due(row: Row) -> str:
    if not row["Due"]:
        return f"by {row['By']}" if row["By"] else ""
    return _minute(row["Due"]) if row["Count"] == 1 else f"{row['Count']} times to {_minute(row['Last'])}"


def _minute(seconds: float) -> str:
    """Return a time, without its seconds where they are none: a row has to fit into 80 columns."""
    text = moment(seconds)
    return text.removesuffix(":00Z") + "Z" if text.endswith(":00Z") else text


def _took(started: float, ended: float) -> str:
    """Return how long a run went on, by the clock of its node; "" if it has not ended, or never began."""
    if not started or ended < started:
        return ""
    minutes, seconds = divmod(round(ended - started), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "m"), (seconds, "s")]
    first = next((at for at, (number, _) in enumerate(parts) if number), 2)
    return "".join(f"{number}{unit}" for number, unit in parts[first : first + 2])
